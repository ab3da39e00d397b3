import { DONE, IPV6, type Layer } from "./layer.ts";
import type { Packet } from "./packet.ts";

const ORIGIN_INDICATION_BYTES = 8;
const IPV6_HEADER_BYTES = 40;

/**
 * RFC 4380, section 5.1.1: an IPv6 packet in UDP, perhaps behind an authentication header (type 1) and an origin indication
 * (type 0). Only what is an IPv6 packet of just the right length counts, as the port says little.
 */
export function decodeTeredo(packet: Packet): Layer {
  const start = packet.offset;
  if (packet.has(4) && packet.uint16At(0) === 1) packet.skip(13 + packet.uint8At(2) + packet.uint8At(3)); // client id, value, nonce, confirmation
  if (packet.has(ORIGIN_INDICATION_BYTES) && packet.uint16At(0) === 0) packet.skip(ORIGIN_INDICATION_BYTES);
  if (
    packet.has(IPV6_HEADER_BYTES) &&
    packet.uint8At(0) >> 4 === 6 &&
    packet.uint16At(4) + IPV6_HEADER_BYTES === packet.wireBytes()
  )
    return IPV6;
  packet.offset = start;
  return DONE;
}

import { layerOfProtocol } from "./ip-protocol.ts";
import { type Layer, MALFORMED, OTHER_TRANSPORT, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const HEADER_BYTES = 20;
const FRAGMENT_OFFSET_MASK = 0x1fff;

/** RFC 791, section 3.1. A total length of 0 is what a card's segmentation offload leaves: all that is there counts. */
export function decodeIpv4(packet: Packet): Layer {
  if (!packet.has(HEADER_BYTES)) return TRUNCATED;
  const versionAndLength = packet.uint8At(0);
  const headerBytes = (versionAndLength & 0x0f) * 4;
  const totalBytes = packet.uint16At(2);
  if (versionAndLength >> 4 !== 4 || headerBytes < HEADER_BYTES) return MALFORMED;
  if (totalBytes !== 0 && totalBytes < headerBytes) return MALFORMED;
  if (totalBytes !== 0) packet.limit(totalBytes);
  if (totalBytes > packet.wireBytes()) packet.truncated = true;
  packet.ipVersion = 4;
  packet.ipBytes = totalBytes === 0 ? packet.wireBytes() : totalBytes;
  packet.protocol = packet.uint8At(9);
  packet.sourceAddressAt = packet.offset + 12;
  packet.destinationAddressAt = packet.offset + 16;
  packet.sourcePort = 0;
  packet.destinationPort = 0;
  packet.tcpFlags = 0;
  packet.laterFragment = (packet.uint16At(6) & FRAGMENT_OFFSET_MASK) !== 0;
  packet.skip(headerBytes);
  packet.markPayload();
  return packet.laterFragment ? OTHER_TRANSPORT : layerOfProtocol(packet.protocol);
}

import { DONE, IPV4, IPV6, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

/**
 * LINKTYPE_ARCNET_LINUX of tcpdump.org: source, destination, two octets of offset, type (RFC 1201, section 3), and for
 * types above 207 a split flag and a sequence number of 16 bits that Linux leaves in the frame.
 */
export function decodeArcnetLinux(packet: Packet): Layer {
  if (!packet.has(8)) return TRUNCATED;
  const type = packet.uint8At(4);
  packet.skip(8);
  switch (type) {
    case 212: // RFC 1201
      return IPV4;
    case 196: // RFC 2497
      return IPV6;
    default:
      return DONE;
  }
}

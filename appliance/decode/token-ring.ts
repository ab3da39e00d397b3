import { DONE, type Layer, LLC, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const FDDI_HEADER_BYTES = 13;
const TOKEN_RING_HEADER_BYTES = 14;

/** LINKTYPE_FDDI of tcpdump.org (ISO 9314-2, section 7): frame control, two addresses; class and format of frame control say LLC. */
export function decodeFddi(packet: Packet): Layer {
  if (!packet.has(FDDI_HEADER_BYTES)) return TRUNCATED;
  if ((packet.uint8At(0) & 0x30) !== 0x10) return DONE;
  packet.skip(FDDI_HEADER_BYTES);
  return LLC;
}

/**
 * LINKTYPE_IEEE802_5 of tcpdump.org (IEEE 802.5, section 3.2): access control, frame control (its first two bits are 01 for
 * LLC), two addresses; the first bit of the source announces a route, whose length is in its first octet.
 */
export function decodeTokenRing(packet: Packet): Layer {
  if (!packet.has(TOKEN_RING_HEADER_BYTES)) return TRUNCATED;
  if (packet.uint8At(1) >> 6 !== 1) return DONE;
  const routed = (packet.uint8At(8) & 0x80) !== 0;
  packet.skip(TOKEN_RING_HEADER_BYTES);
  if (!routed) return LLC;
  if (!packet.has(2)) return TRUNCATED;
  const routeBytes = packet.uint8At(0) & 0x1f;
  if (routeBytes < 2) return DONE;
  if (!packet.has(routeBytes)) return TRUNCATED;
  packet.skip(routeBytes);
  return LLC;
}

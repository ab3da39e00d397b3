import { layerOfEtherType } from "./ethertype.ts";
import { ETHERNET, FRAME_RELAY, IEEE80211, IP, IPV4, type Layer, MALFORMED, PPP, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const GRE_HEADER_BYTES = 4;
const ERSPAN_II_HEADER_BYTES = 8;
const ERSPAN_III_HEADER_BYTES = 12;
const ERSPAN_PLATFORM_BYTES = 8;
const SEQUENCE_BIT = 0x10;

/**
 * RFC 2784, with the key and sequence number of RFC 2890, the routing of RFC 1701, and version 1 of RFC 2637 (PPTP), where
 * the key is always there and an acknowledgement may follow.
 */
export function decodeGre(packet: Packet): Layer {
  if (!packet.has(GRE_HEADER_BYTES)) return TRUNCATED;
  const flags = packet.uint8At(0);
  const version = packet.uint8At(1) & 7;
  const etherType = packet.uint16At(2);
  if (version > 1) return MALFORMED;
  let headerBytes = GRE_HEADER_BYTES;
  const routed = version === 0 && (flags & 0x40) !== 0;
  if (version === 0 && (flags & 0xc0) !== 0) headerBytes += 4; // checksum and offset
  if ((flags & 0x20) !== 0) headerBytes += 4; // key
  if ((flags & SEQUENCE_BIT) !== 0) headerBytes += 4;
  if (version === 1 && (packet.uint8At(1) & 0x80) !== 0) headerBytes += 4; // acknowledgement
  if (!packet.has(headerBytes)) return TRUNCATED;
  packet.skip(headerBytes);
  if (routed && !skipSourceRoutes(packet)) return TRUNCATED;
  if (etherType === 0x88be && (flags & SEQUENCE_BIT) === 0) return ETHERNET; // ERSPAN I has no header of its own
  if (etherType === 0x6559) return FRAME_RELAY;
  if (etherType === 0x880b) return PPP;
  if ((etherType & 0xfe0f) === 0x8200) return IEEE80211; // Aruba's access points, 0x8200 to 0x83f0
  if (etherType === 0x883e) return decodeRedirect(packet);
  if (etherType === 0 || etherType === 0x0021) return IP;
  return layerOfEtherType(etherType);
}

/** WCCP (draft-wilson-wrec-wccp-v2-01, section 4.13): an IPv4 packet, from version 2 on behind a header of 4 octets. */
function decodeRedirect(packet: Packet): Layer {
  if (!packet.has(1)) return TRUNCATED;
  if (packet.uint8At(0) >> 4 !== 4) packet.skip(4);
  return IPV4;
}

/** RFC 1701: entries of address family, offset, length; one with length 0 ends them. */
function skipSourceRoutes(packet: Packet): boolean {
  for (;;) {
    if (!packet.has(4)) return false;
    const lengthBytes = packet.uint8At(3);
    packet.skip(4 + lengthBytes);
    if (lengthBytes === 0) return true;
  }
}

/** draft-foschiano-erspan-03, section 4: version 1 is type II, 2 is type III, whose O bit announces a subheader. */
export function decodeErspan(packet: Packet): Layer {
  if (!packet.has(ERSPAN_II_HEADER_BYTES)) return TRUNCATED;
  const version = packet.uint8At(0) >> 4;
  if (version === 1) {
    packet.skip(ERSPAN_II_HEADER_BYTES);
    return ETHERNET;
  }
  if (version !== 2) return MALFORMED;
  if (!packet.has(ERSPAN_III_HEADER_BYTES)) return TRUNCATED;
  const optional = (packet.uint8At(11) & 1) !== 0;
  packet.skip(ERSPAN_III_HEADER_BYTES + (optional ? ERSPAN_PLATFORM_BYTES : 0));
  return ETHERNET;
}

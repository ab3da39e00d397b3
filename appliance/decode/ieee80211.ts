import { DONE, IEEE80211, type Layer, LLC, MALFORMED, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const RADIOTAP_HEADER_BYTES = 8;
const PRISM_HEADER_BYTES = 144;
const MAC_HEADER_BYTES = 24;
const DATA_TYPE = 2;

/** radiotap.org: version, pad, length (little-endian) of the whole header. */
export function decodeRadiotap(packet: Packet): Layer {
  if (!packet.has(RADIOTAP_HEADER_BYTES)) return TRUNCATED;
  const lengthBytes = packet.uint8At(2) | (packet.uint8At(3) << 8);
  if (packet.uint8At(0) !== 0 || lengthBytes < RADIOTAP_HEADER_BYTES) return MALFORMED;
  if (!packet.has(lengthBytes)) return TRUNCATED;
  packet.skip(lengthBytes);
  return IEEE80211;
}

/** LINKTYPE_IEEE802_11_PRISM of tcpdump.org: 144 octets, or an AVS header that gives its length at offset 4. */
export function decodePrism(packet: Packet): Layer {
  if (!packet.has(8)) return TRUNCATED;
  const avs = packet.uint16At(0) === 0x8021;
  const lengthBytes = avs ? packet.int32At(4) : PRISM_HEADER_BYTES;
  if (lengthBytes < 8) return MALFORMED;
  if (!packet.has(lengthBytes)) return TRUNCATED;
  packet.skip(lengthBytes);
  return IEEE80211;
}

/**
 * IEEE 802.11, section 9.3.2: data frames that aren't encrypted. A fourth address follows when both DS bits are set, two
 * octets of QoS control in the QoS subtypes, four of HT control when the order bit is set too.
 */
export function decodeIeee80211(packet: Packet): Layer {
  if (!packet.has(MAC_HEADER_BYTES)) return TRUNCATED;
  const control = packet.uint8At(0);
  const flags = packet.uint8At(1);
  const subtype = control >> 4;
  if (((control >> 2) & 3) !== DATA_TYPE) return DONE;
  if ((subtype & 4) !== 0) return DONE; // null data
  if ((flags & 0x40) !== 0) return DONE; // encrypted
  let headerBytes = MAC_HEADER_BYTES;
  if ((flags & 3) === 3) headerBytes += 6;
  if ((subtype & 8) !== 0) headerBytes += (flags & 0x80) !== 0 ? 6 : 2;
  if (!packet.has(headerBytes)) return TRUNCATED;
  packet.skip(headerBytes);
  return LLC;
}

import { A_MSDU, DONE, ETHERNET, IEEE80211, IEEE80211_PADDED, type Layer, LLC, MALFORMED, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const RADIOTAP_HEADER_BYTES = 8;
const RADIOTAP_WORDS_MAX = 32;
const PRISM_HEADER_BYTES = 144;
const PPI_HEADER_BYTES = 8;
const MAC_HEADER_BYTES = 24;
const SUBFRAME_HEADER_BYTES = 14;
const MESH_CONTROL_BYTES = 6;
const DATA_TYPE = 2;
const BOTH_DS = 3;
const FROM_DS = 2;

/**
 * radiotap.org: version, pad, length (little-endian) of the whole header, words that say which fields follow. Of these, the
 * flags say whether the MAC header is padded to a multiple of 4.
 */
export function decodeRadiotap(packet: Packet): Layer {
  if (!packet.has(RADIOTAP_HEADER_BYTES)) return TRUNCATED;
  const lengthBytes = uint16LittleEndian(packet, 2);
  if (packet.uint8At(0) !== 0 || lengthBytes < RADIOTAP_HEADER_BYTES) return MALFORMED;
  if (!packet.has(lengthBytes)) return TRUNCATED;
  let fieldsAt = RADIOTAP_HEADER_BYTES;
  for (let i = 0; i < RADIOTAP_WORDS_MAX && (packet.uint8At(fieldsAt - 1) & 0x80) !== 0; i++) fieldsAt += 4;
  const present = packet.uint8At(4);
  const flagsAt = (present & 1) === 0 ? fieldsAt : ((fieldsAt + 7) & ~7) + 8; // behind the clock of 8 octets
  const padded = (present & 2) !== 0 && flagsAt < lengthBytes && (packet.uint8At(flagsAt) & 0x20) !== 0;
  packet.skip(lengthBytes);
  return padded ? IEEE80211_PADDED : IEEE80211;
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

/** LINKTYPE_PPI of tcpdump.org: version, flags, length and link type (little-endian), fields. */
export function decodePpi(packet: Packet): Layer {
  if (!packet.has(PPI_HEADER_BYTES)) return TRUNCATED;
  const lengthBytes = uint16LittleEndian(packet, 2);
  const linkType = uint16LittleEndian(packet, 4);
  if (packet.uint8At(0) !== 0 || lengthBytes < PPI_HEADER_BYTES) return MALFORMED;
  if (!packet.has(lengthBytes)) return TRUNCATED;
  packet.skip(lengthBytes);
  return linkType === 105 ? IEEE80211 : linkType === 1 ? ETHERNET : DONE;
}

export function decodeIeee80211(packet: Packet): Layer {
  return decodeMacHeader(packet, packet.uint8At(0), packet.uint8At(1), false);
}

/** The two octets of frame control are exchanged, as some access points send it to their controllers. */
export function decodeIeee80211Swapped(packet: Packet): Layer {
  return decodeMacHeader(packet, packet.uint8At(1), packet.uint8At(0), false);
}

export function decodeIeee80211Padded(packet: Packet): Layer {
  return decodeMacHeader(packet, packet.uint8At(0), packet.uint8At(1), true);
}

/**
 * IEEE 802.11, section 9.3.2: data frames that aren't encrypted, and no later fragments. A fourth address follows when both
 * DS bits are set, two octets of QoS control in the QoS subtypes, four of HT control when the order bit is set too.
 */
function decodeMacHeader(packet: Packet, control: number, flags: number, padded: boolean): Layer {
  if (!packet.has(MAC_HEADER_BYTES)) return TRUNCATED;
  const subtype = control >> 4;
  if ((control & 0x0f) !== DATA_TYPE << 2) return DONE;
  if ((subtype & 4) !== 0) return DONE; // null data
  if ((flags & 0x40) !== 0) return DONE; // encrypted
  if ((packet.uint8At(22) & 0x0f) !== 0) return DONE; // a later fragment
  let headerBytes = MAC_HEADER_BYTES;
  if ((flags & BOTH_DS) === BOTH_DS) headerBytes += 6;
  if ((subtype & 8) === 0) return skipHeader(packet, headerBytes, padded, LLC);
  const qosAt = headerBytes;
  headerBytes += (flags & 0x80) !== 0 ? 6 : 2;
  if (!packet.has(headerBytes)) return TRUNCATED;
  const aggregate = (packet.uint8At(qosAt) & 0x80) !== 0;
  const group = (packet.uint8At(4) & 1) !== 0;
  const meshBit = (packet.uint8At(qosAt + 1) & 1) !== 0;
  const mayBeMesh = meshBit && ((flags & BOTH_DS) === BOTH_DS || ((flags & BOTH_DS) === FROM_DS && group));
  const next = skipHeader(packet, headerBytes, padded, aggregate ? A_MSDU : LLC);
  if (next === LLC && mayBeMesh) skipMeshControl(packet);
  return next;
}

function skipHeader(packet: Packet, headerBytes: number, padded: boolean, next: Layer): Layer {
  const wholeBytes = padded ? (headerBytes + 3) & ~3 : headerBytes;
  if (!packet.has(wholeBytes)) return TRUNCATED;
  packet.skip(wholeBytes);
  return next;
}

/**
 * IEEE 802.11, section 9.2.4.7.3: flags, TTL, sequence number of 4, and none, one or two addresses. The bit that announces it
 * means other things elsewhere: it is there when LLC's SNAP follows.
 */
function skipMeshControl(packet: Packet): void {
  const addresses = packet.uint8At(0);
  const controlBytes = MESH_CONTROL_BYTES + 6 * addresses;
  if (addresses <= 2 && packet.has(controlBytes + 3) && packet.uint16At(controlBytes) === 0xaaaa)
    packet.skip(controlBytes);
}

/** IEEE 802.11, section 9.3.2.2: subframes of two addresses, a length and a padded MSDU. The frame's rest comes afterwards. */
export function decodeAMsdu(packet: Packet): Layer {
  if (!packet.has(SUBFRAME_HEADER_BYTES)) return TRUNCATED;
  const lengthBytes = packet.uint16At(12);
  if (lengthBytes === 0) return DONE;
  const paddedBytes = (SUBFRAME_HEADER_BYTES + lengthBytes + 3) & ~3;
  if (packet.has(paddedBytes + SUBFRAME_HEADER_BYTES)) packet.keepRest(paddedBytes, A_MSDU);
  packet.skip(SUBFRAME_HEADER_BYTES);
  packet.limit(lengthBytes);
  return LLC;
}

function uint16LittleEndian(packet: Packet, at: number): number {
  return packet.uint8At(at) | (packet.uint8At(at + 1) << 8);
}

import { DONE, ETHERNET, IEEE80211, IEEE80211_SWAPPED, type Layer } from "./layer.ts";
import type { Packet } from "./packet.ts";

const HEADER_MIN_BYTES = 8;
const NATIVE = 0x100;
const FRAGMENT = 0x80;
const KEEP_ALIVE = 0x08;
const BINDING_IEEE80211 = 1;
const DATA_TYPE = 2;

/**
 * The data channel of CAPWAP (RFC 5415, section 4.3): version 0 and, unless DTLS hides it, a header whose length counts in
 * words of 4, then a frame of Ethernet or, where T is set, of 802.11. Of a frame in fragments the first is read. Many
 * senders exchange the two octets of 802.11's frame control.
 */
export function decodeCapwap(packet: Packet): Layer {
  if (!packet.has(HEADER_MIN_BYTES) || packet.uint8At(0) !== 0) return DONE;
  const headerBytes = (packet.uint8At(1) >> 3) * 4;
  const binding = (packet.uint16At(1) >> 1) & 0x1f;
  const flags = packet.uint16At(2) & 0x1ff;
  const fragmentOffset = packet.uint16At(6) >> 3;
  if (headerBytes < HEADER_MIN_BYTES || !packet.has(headerBytes)) return DONE;
  if ((flags & KEEP_ALIVE) !== 0 || ((flags & FRAGMENT) !== 0 && fragmentOffset !== 0)) return DONE;
  if ((flags & NATIVE) === 0) {
    packet.skip(headerBytes);
    return ETHERNET;
  }
  if (binding !== BINDING_IEEE80211 || !packet.has(headerBytes + 2)) return DONE;
  packet.skip(headerBytes);
  return isDataControl(packet.uint8At(0)) || !isDataControl(packet.uint8At(1)) ? IEEE80211 : IEEE80211_SWAPPED;
}

/** First octet of the frame control of a data frame: version 0, type 2. */
function isDataControl(octet: number): boolean {
  return (octet & 0x0f) === DATA_TYPE << 2;
}

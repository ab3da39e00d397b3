import { DONE, IP, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const GTP_HEADER_BYTES = 8;
const OPTIONAL_BYTES = 4;
const G_PDU = 255;
const EXTENSIONS_MAX = 8;

/**
 * 3GPP TS 29.281, section 5.1: version 1, protocol type 1; a G-PDU carries the user's packet. Any of the E, S and PN flags
 * adds four octets, of which the last names the first extension header; each has its length in words of 4.
 */
export function decodeGtpU(packet: Packet): Layer {
  if (!packet.has(GTP_HEADER_BYTES)) return DONE;
  const flags = packet.uint8At(0);
  if ((flags & 0xf0) !== 0x30 || packet.uint8At(1) !== G_PDU) return DONE;
  packet.skip(GTP_HEADER_BYTES);
  if ((flags & 7) === 0) return ipOrDone(packet);
  if (!packet.has(OPTIONAL_BYTES)) return TRUNCATED;
  let next = (flags & 4) === 0 ? 0 : packet.uint8At(3);
  packet.skip(OPTIONAL_BYTES);
  for (let i = 0; next !== 0 && i < EXTENSIONS_MAX; i++) {
    const lengthBytes = packet.uint8At(0) * 4;
    if (lengthBytes === 0) return DONE;
    if (!packet.has(lengthBytes)) return TRUNCATED;
    next = packet.uint8At(lengthBytes - 1);
    packet.skip(lengthBytes);
  }
  return ipOrDone(packet);
}

function ipOrDone(packet: Packet): Layer {
  const version = packet.has(1) ? packet.uint8At(0) >> 4 : 0;
  return version === 4 || version === 6 ? IP : DONE;
}

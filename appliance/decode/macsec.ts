import { layerOfEtherType } from "./ethertype.ts";
import { DONE, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const TAG_BYTES = 6;
const CHANNEL_BYTES = 8;
const ENCRYPTED_OR_CHANGED = 0x0c;
const CHANNEL = 0x20;
const CHECK_VALUE_BYTES = 16;

/**
 * IEEE 802.1AE, section 9.3: control, short length, packet number, with the SC bit a channel identifier. Where neither E
 * nor C is set, the octets are only protected, and what is inside follows in clear, with the check value at its end.
 */
export function decodeMacsec(packet: Packet): Layer {
  if (!packet.has(TAG_BYTES)) return TRUNCATED;
  const control = packet.uint8At(0);
  if ((control & ENCRYPTED_OR_CHANGED) !== 0) return DONE;
  const headerBytes = TAG_BYTES + ((control & CHANNEL) !== 0 ? CHANNEL_BYTES : 0);
  if (!packet.has(headerBytes + 2)) return TRUNCATED;
  const etherType = packet.uint16At(headerBytes);
  packet.skip(headerBytes + 2);
  packet.limit(Math.max(0, packet.wireBytes() - CHECK_VALUE_BYTES));
  return layerOfEtherType(etherType);
}

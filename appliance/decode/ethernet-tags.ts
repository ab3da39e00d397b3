import { layerOfEtherType } from "./ethertype.ts";
import { ETHERNET, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const SERVICE_TAG_BYTES = 4;
const VN_TAG_BYTES = 4;
const E_TAG_BYTES = 6;

/** I-TAG of IEEE 802.1Q, section 9.7 (802.1ah): priority and service identifier, then the customer's whole frame. */
export function decodeServiceTag(packet: Packet): Layer {
  if (!packet.has(SERVICE_TAG_BYTES)) return TRUNCATED;
  packet.skip(SERVICE_TAG_BYTES);
  return ETHERNET;
}

/** Cisco's VN-Tag: interfaces of both ends, then the type of what is inside. */
export function decodeVnTag(packet: Packet): Layer {
  return skipTag(packet, VN_TAG_BYTES);
}

/** E-TAG of IEEE 802.1BR, section 7.5: priority and interfaces, then the type of what is inside. */
export function decodeETag(packet: Packet): Layer {
  return skipTag(packet, E_TAG_BYTES);
}

function skipTag(packet: Packet, tagBytes: number): Layer {
  if (!packet.has(tagBytes + 2)) return TRUNCATED;
  const etherType = packet.uint16At(tagBytes);
  packet.skip(tagBytes + 2);
  return layerOfEtherType(etherType);
}

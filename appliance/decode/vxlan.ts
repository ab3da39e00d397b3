import { layerOfEtherType } from "./ethertype.ts";
import { DONE, ETHERNET, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const VXLAN_HEADER_BYTES = 8;
const GENEVE_HEADER_BYTES = 8;

/** RFC 7348, section 5: the I flag must be set; anything else on that port is no VXLAN, and stays UDP payload. */
export function decodeVxlan(packet: Packet): Layer {
  if (!packet.has(VXLAN_HEADER_BYTES)) return DONE;
  if ((packet.uint8At(0) & 0x08) === 0) return DONE;
  packet.skip(VXLAN_HEADER_BYTES);
  return ETHERNET;
}

/** RFC 8926, section 3.4: version 0, length of the options in words of 4, protocol type. */
export function decodeGeneve(packet: Packet): Layer {
  if (!packet.has(GENEVE_HEADER_BYTES)) return DONE;
  if (packet.uint8At(0) >> 6 !== 0) return DONE;
  const optionBytes = (packet.uint8At(0) & 0x3f) * 4;
  const etherType = packet.uint16At(2);
  if (!packet.has(GENEVE_HEADER_BYTES + optionBytes)) return TRUNCATED;
  packet.skip(GENEVE_HEADER_BYTES + optionBytes);
  return etherType <= 1500 ? DONE : layerOfEtherType(etherType);
}

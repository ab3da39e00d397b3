import { layerOfEtherType } from "./ethertype.ts";
import { DONE, ETHERNET, IPV4, IPV6, type Layer, MPLS, NSH, TRUNCATED } from "./layer.ts";
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

/** draft-ietf-nvo3-vxlan-gpe-13, section 3: version 0, I set, O (management) not; with P the last octet of the first word says what follows. */
export function decodeVxlanGpe(packet: Packet): Layer {
  if (!packet.has(VXLAN_HEADER_BYTES)) return DONE;
  const flags = packet.uint8At(0);
  if ((flags & 0x39) !== 0x08) return DONE;
  const next = (flags & 0x04) === 0 ? ETHERNET : layerOfNextProtocol(packet.uint8At(3));
  if (next !== DONE) packet.skip(VXLAN_HEADER_BYTES);
  return next;
}

/** RFC 8300, section 2.2: version 0, length in words of 4, next protocol, numbered as in VXLAN-GPE. */
export function decodeNsh(packet: Packet): Layer {
  if (!packet.has(8)) return TRUNCATED;
  const headerBytes = (packet.uint16At(0) & 0x3f) * 4;
  if (packet.uint8At(0) >> 6 !== 0 || headerBytes < 8) return DONE;
  if (!packet.has(headerBytes)) return TRUNCATED;
  const next = layerOfNextProtocol(packet.uint8At(3));
  packet.skip(headerBytes);
  return next;
}

function layerOfNextProtocol(next: number): Layer {
  switch (next) {
    case 1:
      return IPV4;
    case 2:
      return IPV6;
    case 3:
      return ETHERNET;
    case 4:
      return NSH;
    case 5:
      return MPLS;
    default:
      return DONE;
  }
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

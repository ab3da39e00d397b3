import { layerOfEtherType } from "./ethertype.ts";
import { DONE, ETHERNET, IPV4, IPV6, type Layer, MALFORMED, MPLS, PPP, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const PPPOE_HEADER_BYTES = 6;
const CISCO_HDLC_HEADER_BYTES = 4;

/** RFC 1661, section 2: the protocol, one octet when compressed (then it is odd); RFC 1662 address and control before it. */
export function decodePpp(packet: Packet): Layer {
  if (packet.has(2) && packet.uint8At(0) === 0xff && packet.uint8At(1) === 0x03) packet.skip(2);
  if (!packet.has(1)) return TRUNCATED;
  let protocol = packet.uint8At(0);
  if ((protocol & 1) === 1) packet.skip(1);
  else {
    if (!packet.has(2)) return TRUNCATED;
    protocol = packet.uint16At(0);
    packet.skip(2);
  }
  switch (protocol) {
    case 0x0021:
      return IPV4;
    case 0x0057:
      return IPV6;
    case 0x0281: // RFC 3032
      return MPLS;
    case 0x0031:
      return decodeBridged(packet);
    default:
      return DONE;
  }
}

/** RFC 3518, section 4.2: flags and count of pads, MAC type (1 for Ethernet), perhaps a LAN identifier. */
function decodeBridged(packet: Packet): Layer {
  if (!packet.has(2)) return TRUNCATED;
  const headerBytes = (packet.uint8At(0) & 0x40) !== 0 ? 6 : 2;
  if (packet.uint8At(1) !== 1) return DONE;
  if (!packet.has(headerBytes)) return TRUNCATED;
  packet.skip(headerBytes);
  return ETHERNET;
}

/** LINKTYPE_PPP_HDLC of tcpdump.org: PPP in HDLC-like framing, or Cisco HDLC (address 0x0f or 0x8f). */
export function decodePppHdlc(packet: Packet): Layer {
  if (!packet.has(1)) return TRUNCATED;
  const address = packet.uint8At(0);
  return address === 0x0f || address === 0x8f ? decodeCiscoHdlc(packet) : PPP;
}

/** LINKTYPE_C_HDLC of tcpdump.org (RFC 1547, section 4.3.1): address, control, EtherType. */
export function decodeCiscoHdlc(packet: Packet): Layer {
  if (!packet.has(CISCO_HDLC_HEADER_BYTES)) return TRUNCATED;
  const etherType = packet.uint16At(2);
  packet.skip(CISCO_HDLC_HEADER_BYTES);
  return layerOfEtherType(etherType);
}

/** RFC 2516, section 4: version and type (0x11), code (0 in the session stage), session, length. */
export function decodePppoe(packet: Packet): Layer {
  if (!packet.has(PPPOE_HEADER_BYTES)) return TRUNCATED;
  if (packet.uint8At(0) !== 0x11) return MALFORMED;
  if (packet.uint8At(1) !== 0) return DONE;
  const lengthBytes = packet.uint16At(4);
  packet.skip(PPPOE_HEADER_BYTES);
  packet.limit(lengthBytes);
  return PPP;
}

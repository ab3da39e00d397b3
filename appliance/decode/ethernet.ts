import { layerOfEtherType } from "./ethertype.ts";
import { DONE, ETHERNET, IPV4, IPV6, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const ETHERNET_HEADER_BYTES = 14;
const VLAN_TAG_BYTES = 4;
const LLC_HEADER_BYTES = 3;
const SNAP_HEADER_BYTES = 5;
const ETHER_IP_BYTES = 2;

/** IEEE 802.3, section 3.1.1: two addresses and the type or length. */
export function decodeEthernet(packet: Packet): Layer {
  if (!packet.has(ETHERNET_HEADER_BYTES)) return TRUNCATED;
  const etherType = packet.uint16At(12);
  packet.skip(ETHERNET_HEADER_BYTES);
  return layerOfEtherType(etherType);
}

/** IEEE 802.1Q, section 9.6: tag control information, then the type of what is inside. The innermost tag counts. */
export function decodeVlan(packet: Packet): Layer {
  if (!packet.has(VLAN_TAG_BYTES)) return TRUNCATED;
  packet.vlan = packet.uint16At(0) & 0x0fff;
  const etherType = packet.uint16At(2);
  packet.skip(VLAN_TAG_BYTES);
  return layerOfEtherType(etherType);
}

/** EtherIP: version 3 and 12 reserved bits (RFC 3378, section 3). */
export function decodeEtherIp(packet: Packet): Layer {
  if (!packet.has(ETHER_IP_BYTES)) return TRUNCATED;
  packet.skip(ETHER_IP_BYTES);
  return ETHERNET;
}

/** IEEE 802.2 LLC, with the SNAP extension of RFC 1042 or a SAP that stands for IP. */
export function decodeLlc(packet: Packet): Layer {
  if (!packet.has(LLC_HEADER_BYTES)) return TRUNCATED;
  const destinationSap = packet.uint8At(0);
  if (destinationSap === 0x06) {
    packet.skip(LLC_HEADER_BYTES);
    return IPV4;
  }
  if (destinationSap !== 0xaa || packet.uint8At(1) !== 0xaa) return DONE;
  packet.skip(LLC_HEADER_BYTES);
  return decodeSnap(packet);
}

/** RFC 1042: organisation and type. */
export function decodeSnap(packet: Packet): Layer {
  if (!packet.has(SNAP_HEADER_BYTES)) return TRUNCATED;
  const etherType = packet.uint16At(3);
  packet.skip(SNAP_HEADER_BYTES);
  return etherType === 0x0800 ? IPV4 : etherType === 0x86dd ? IPV6 : layerOfEtherType(etherType);
}

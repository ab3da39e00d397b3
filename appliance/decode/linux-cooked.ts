import { layerOfEtherType } from "./ethertype.ts";
import { DONE, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const V1_HEADER_BYTES = 16;
const V2_HEADER_BYTES = 20;
/** The protocol field holds no EtherType for these ARPHRD_ types: netlink, CAN and others. */
const NOT_ETHERTYPE = new Set([280, 824]);

/** LINKTYPE_LINUX_SLL of tcpdump.org: packet type, ARPHRD_ type, address length, address (8), protocol. */
export function decodeLinuxCookedV1(packet: Packet): Layer {
  if (!packet.has(V1_HEADER_BYTES)) return TRUNCATED;
  const hardwareType = packet.uint16At(2);
  const etherType = packet.uint16At(14);
  packet.skip(V1_HEADER_BYTES);
  return NOT_ETHERTYPE.has(hardwareType) ? DONE : layerOfEtherType(etherType);
}

/** LINKTYPE_LINUX_SLL2 of tcpdump.org: protocol, reserved, interface, ARPHRD_ type, packet type, address length, address. */
export function decodeLinuxCookedV2(packet: Packet): Layer {
  if (!packet.has(V2_HEADER_BYTES)) return TRUNCATED;
  const hardwareType = packet.uint16At(8);
  const etherType = packet.uint16At(0);
  packet.skip(V2_HEADER_BYTES);
  return NOT_ETHERTYPE.has(hardwareType) ? DONE : layerOfEtherType(etherType);
}

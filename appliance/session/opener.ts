import type { Packet } from "../decode/packet.ts";
import { FLAG_ACK, FLAG_SYN } from "./tcp-flags.ts";

const WELL_KNOWN_PORTS = 1024;

/** 1 when the sender of a segment with these flags opened the session, 0 when the receiver did, -1 when they don't say. */
export function openerByFlags(tcpFlags: number): number {
  if ((tcpFlags & FLAG_SYN) === 0) return -1;
  return (tcpFlags & FLAG_ACK) === 0 ? 1 : 0;
}

/**
 * Without a SYN: the side whose port is the lower, and well known (IANA, 0 to 1023), was spoken to; else the first sender
 * opened. A group address never opened anything. True when the sender of this packet opened the session.
 */
export function senderOpened(packet: Packet): boolean {
  const { sourcePort, destinationPort } = packet;
  if (isGroup(packet)) return true;
  return !(sourcePort < destinationPort && sourcePort !== 0 && sourcePort < WELL_KNOWN_PORTS);
}

/** Whether it goes to many: 224.0.0.0/4 and 255.255.255.255 (RFC 5771, RFC 919), ff00::/8 (RFC 4291, section 2.7). */
function isGroup({ bytes, ipVersion, destinationAddressAt }: Packet): boolean {
  const first = bytes[destinationAddressAt] as number;
  return ipVersion === 4 ? first >= 224 : first === 0xff;
}

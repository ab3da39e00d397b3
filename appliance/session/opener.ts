import { FLAG_ACK, FLAG_SYN } from "./tcp-flags.ts";

const WELL_KNOWN_PORTS = 1024;

/** 1 when the sender of a segment with these flags opened the session, 0 when the receiver did, -1 when they don't say. */
export function openerByFlags(tcpFlags: number): number {
  if ((tcpFlags & FLAG_SYN) === 0) return -1;
  return (tcpFlags & FLAG_ACK) === 0 ? 1 : 0;
}

/**
 * Without a SYN: the side whose port is the lower, and well known (IANA, 0 to 1023), was spoken to; else the first sender
 * opened. True when the sender of a packet with these ports opened the session.
 */
export function senderOpened(sourcePort: number, destinationPort: number): boolean {
  return !(sourcePort < destinationPort && sourcePort !== 0 && sourcePort < WELL_KNOWN_PORTS);
}

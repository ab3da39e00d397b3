import type { Packet } from "../decode/packet.ts";
import { ROW_WORDS, STATE, STATE_OPENER, STATE_OPENER_CERTAIN, STATE_SYN_SEEN, SYN_SEQUENCE } from "./session-table.ts";
import { FLAG_ACK } from "./tcp-flags.ts";

const WELL_KNOWN_PORTS = 1024;

/** Notes in a session's row what a SYN, or the answer to one, says: who opened it, and the SYN's sequence number. */
export function noteSyn(words: Int32Array, row: number, side: number, tcpFlags: number, tcpSequence: number): void {
  const base = row * ROW_WORDS;
  const isAnswer = (tcpFlags & FLAG_ACK) !== 0;
  let state = words[base + STATE] as number;
  if (!isAnswer && (state & (STATE_SYN_SEEN << side)) === 0) {
    state |= STATE_SYN_SEEN << side;
    words[base + SYN_SEQUENCE + side] = tcpSequence;
  }
  if ((state & STATE_OPENER_CERTAIN) === 0) {
    const opener = isAnswer ? 1 - side : side;
    state = (state & ~STATE_OPENER) | STATE_OPENER_CERTAIN | (opener * STATE_OPENER);
  }
  words[base + STATE] = state;
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

import type { Packet } from "../decode/packet.ts";
import {
  PACKETS,
  ROW_NUMBERS,
  ROW_WORDS,
  type SessionTable,
  STATE,
  STATE_SYN_SEEN,
  STATE_SYN_WAITS,
  SYN_SEQUENCE,
} from "./session-table.ts";
import { FLAG_ACK, FLAG_RST, FLAG_SYN } from "./tcp-flags.ts";

/** A SYN with another sequence number than that of the session it arrived in. */
export interface WaitingSyn {
  /** Of the session that it begins if it is answered. */
  readonly id: number;
  readonly side: number;
  readonly sequence: number;
  readonly timeUs: number;
  /** Of its IP packet. */
  readonly bytes: number;
}

/** More at a time are a flood: the oldest are forgotten. */
const WAITING_MAX = 4096;

/**
 * SYNs in the midst of sessions, the last of each. Whether one begins a session, and ends the one at hand, shows in the answer: who
 * has an open connection acknowledges that and goes on (RFC 5961, section 4). Else whoever sends one could tear a session apart.
 * Few sessions have one, so they are kept beside the table.
 */
export class WaitingSyns {
  readonly #table: SessionTable;
  readonly #syns = new Map<number, WaitingSyn>();

  constructor(table: SessionTable) {
    this.#table = table;
  }

  /** Keeps the SYN at hand, if its sequence number is another than that of its side; whether it does. */
  take(row: number, side: number, packet: Packet, timeUs: number, id: number): boolean {
    const { tcpSequence: sequence, ipBytes: bytes } = packet;
    const { words } = this.#table;
    const base = row * ROW_WORDS;
    const state = words[base + STATE] as number;
    if ((state & (STATE_SYN_SEEN << side)) === 0 || words[base + SYN_SEQUENCE + side] === sequence) return false;
    words[base + STATE] = state | STATE_SYN_WAITS;
    this.#syns.delete(row);
    if (this.#syns.size >= WAITING_MAX) this.#syns.delete(this.#syns.keys().next().value as number);
    this.#syns.set(row, { id, side, sequence, timeUs, bytes });
    return true;
  }

  /**
   * The SYN that waits, if the packet at hand shows that it has begun a session, or was refused: the other side acknowledges it
   * by a SYN or a reset (RFC 9293, section 3.10.7) or, where that side was never seen, its own goes on from it.
   */
  answered(row: number, side: number, packet: Packet): WaitingSyn | undefined {
    const { words, numbers } = this.#table;
    if (((words[row * ROW_WORDS + STATE] as number) & STATE_SYN_WAITS) === 0) return undefined;
    const syn = this.#syns.get(row);
    const { tcpFlags, tcpSequence, tcpAcknowledgment } = packet;
    if (syn === undefined || (tcpFlags & FLAG_ACK) === 0) return undefined;
    const next = (syn.sequence + 1) | 0;
    if (side !== syn.side) {
      const mayAnswer = (tcpFlags & (FLAG_SYN | FLAG_RST)) !== 0;
      return mayAnswer && tcpAcknowledgment === next ? syn : undefined;
    }
    const isOtherSeen = (numbers[row * ROW_NUMBERS + PACKETS + 1 - side] as number) > 0;
    return !isOtherSeen && tcpSequence === next ? syn : undefined;
  }

  /** The session is over. */
  remove(row: number): void {
    this.#syns.delete(row);
  }
}

import type { Packet } from "../decode/packet.ts";
import type { EngineCounters } from "./engine-counters.ts";
import { type HeldLimits, HeldSegments } from "./held-segments.ts";
import {
  FIRST_SEQUENCE,
  FLAGS,
  NEXT_SEQUENCE,
  ROW_WORDS,
  type SessionTable,
  STATE,
  STATE_HELD,
  STATE_SEQUENCE_KNOWN,
} from "./session-table.ts";
import { FLAG_ACK, FLAG_SYN } from "./tcp-flags.ts";

/** Where octets of a stream go; they are valid only during the call. */
export interface StreamTarget {
  /** What comes next from a side. */
  deliver(row: number, side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void;
  /** `count` octets of a side will not come. */
  gap(row: number, side: number, count: number): void;
  /** A segment from before the first that was seen: it has no place in the stream. */
  stray(row: number, side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void;
}

/** A hole wider than this is no hole: the sequence numbers start anew. */
const GAP_MAX_BYTES = 1 << 26;
/** The other side has acknowledged what is missing: it was lost on the way to us, if not only delayed. */
const ACKNOWLEDGED_SEGMENTS = 3;
const ACKNOWLEDGED_WAIT_US = 100_000;
/** The other side isn't seen, so that nothing can be told from its acknowledgements. */
const ONE_SIDED_SEGMENTS = 64;
const ONE_SIDED_WAIT_US = 2_000_000;
/** The other side has not acknowledged it: it waits for it too. A sender comes back to it after up to a minute (RFC 6298, section 2.4). */
const UNACKNOWLEDGED_WAIT_US = 60_000_000;

/**
 * Puts the segments of TCP sessions in order (RFC 9293, section 3.4). Octets are given out once: of what overlaps, the
 * octets that could be given out first count. A session that is met midway starts with its first segment; one that is seen
 * in one direction only is read as well. What waits behind a hole is bounded; a hole is given up when that has no more
 * room, when the other side acknowledges what is behind it, in the end by time.
 */
export class TcpStreams {
  readonly #table: SessionTable;
  readonly #held: HeldSegments;
  readonly #target: StreamTarget;
  readonly #counters: EngineCounters;

  constructor(table: SessionTable, limits: HeldLimits, target: StreamTarget, counters: EngineCounters) {
    this.#table = table;
    this.#held = new HeldSegments(limits);
    this.#target = target;
    this.#counters = counters;
  }

  /** Octets that wait, overhead included. */
  get heldBytes(): number {
    return this.#held.totalBytes;
  }

  /** The stream of a side begins at `sequence`, where that isn't known yet: a SYN has been seen. */
  begin(row: number, side: number, sequence: number): void {
    const { words } = this.#table;
    const base = row * ROW_WORDS;
    const state = words[base + STATE] as number;
    if ((state & (STATE_SEQUENCE_KNOWN << side)) !== 0) return;
    words[base + STATE] = state | (STATE_SEQUENCE_KNOWN << side);
    words[base + NEXT_SEQUENCE + side] = sequence;
    words[base + FIRST_SEQUENCE + side] = sequence;
  }

  /** The payload of a segment, whose first octet has `sequence`. */
  segment(row: number, side: number, packet: Packet, sequence: number, nowUs: number): void {
    const { words } = this.#table;
    const next = row * ROW_WORDS + NEXT_SEQUENCE + side;
    this.begin(row, side, sequence);
    let ahead = (sequence - (words[next] as number)) | 0;
    if (ahead < 0 && this.#belies(row, side, sequence)) {
      words[row * ROW_WORDS + FIRST_SEQUENCE + side] = sequence;
      this.#startAnew(row, side, packet, sequence, nowUs);
      return;
    }
    if (ahead > 0 && ahead <= GAP_MAX_BYTES) ahead = this.#makeRoom(row, side, packet, sequence, ahead);
    if (ahead === 0) {
      words[next] = (sequence + packet.payloadWireBytes) | 0;
      this.#give(row, side, packet.bytes, packet.payloadAt, packet.payloadEnd, packet.payloadWireBytes, nowUs);
    } else if (ahead > GAP_MAX_BYTES || ahead < -GAP_MAX_BYTES) this.#startAnew(row, side, packet, sequence, nowUs);
    else if (ahead > 0) this.#hold(row, side, packet, sequence, nowUs);
    else this.#takeRest(row, side, packet, sequence, -ahead, nowUs);
    if (((words[row * ROW_WORDS + STATE] as number) & (STATE_HELD << side)) !== 0) this.#goOn(row, side, nowUs);
  }

  /** `side` acknowledges what the other has sent up to `acknowledgement`. */
  acknowledge(row: number, side: number, acknowledgement: number, nowUs: number): void {
    const other = 1 - side;
    const { words } = this.#table;
    const base = row * ROW_WORDS;
    if (((words[base + STATE] as number) & (STATE_HELD << other)) === 0) return;
    const next = words[base + NEXT_SEQUENCE + other] as number;
    const acknowledged = (acknowledgement - next) | 0;
    if (acknowledged <= 0) return;
    const at = 2 * row + other;
    const first = this.#held.first(at);
    if (first === undefined) return;
    if (this.#held.count(at) < ACKNOWLEDGED_SEGMENTS && nowUs - first.timeUs < ACKNOWLEDGED_WAIT_US) return;
    if (acknowledged < ((first.sequence - next) | 0)) {
      words[base + NEXT_SEQUENCE + other] = acknowledgement; // the rest of the hole may still come
      this.#lose(row, other, acknowledged);
      return;
    }
    this.#skipHole(row, other);
    this.#goOn(row, other, nowUs);
  }

  /** Gives out what still waits in both directions. */
  end(row: number): void {
    for (let side = 0; side < 2; side++) while (this.#held.count(2 * row + side) > 0) this.#skipHole(row, side);
  }

  /** Octets, and a gap where the capture cut them. */
  #give(
    row: number,
    side: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    wireBytes: number,
    timeUs: number,
  ): void {
    if (to > from) this.#target.deliver(row, side, bytes, from, to, timeUs);
    const missing = wireBytes - (to - from);
    if (missing > 0) this.#lose(row, side, missing);
  }

  #lose(row: number, side: number, count: number): void {
    this.#counters.gapBytes += count;
    this.#target.gap(row, side, count);
  }

  /** Gives up holes until a segment can be held; how far ahead it is then. */
  #makeRoom(row: number, side: number, packet: Packet, sequence: number, ahead: number): number {
    const at = 2 * row + side;
    const { words } = this.#table;
    const next = row * ROW_WORDS + NEXT_SEQUENCE + side;
    let left = ahead;
    while (left > 0 && !this.#held.hasRoom(at, packet.payloadEnd - packet.payloadAt)) {
      this.#counters.segmentsNoRoom++;
      if (this.#held.count(at) > 0) this.#skipHole(row, side);
      else {
        this.#lose(row, side, left);
        words[next] = sequence;
      }
      left = (sequence - (words[next] as number)) | 0;
    }
    return left;
  }

  /**
   * Whether a segment from before the SYN of its side shows that it was none: no SYN has answered it. Else one with a number of its
   * own choosing would hide all that follows.
   */
  #belies(row: number, side: number, sequence: number): boolean {
    const { words } = this.#table;
    const base = row * ROW_WORDS;
    const flags = words[base + FLAGS] as number;
    if (((flags >> (8 * side)) & FLAG_SYN) === 0 || ((flags >> (8 * (1 - side))) & FLAG_SYN) !== 0) return false;
    return ((sequence - (words[base + FIRST_SEQUENCE + side] as number)) | 0) < 0;
  }

  #hold(row: number, side: number, packet: Packet, sequence: number, nowUs: number): void {
    const { words } = this.#table;
    const { bytes, payloadAt, payloadEnd, payloadWireBytes } = packet;
    if (this.#held.holds(2 * row + side, sequence, payloadWireBytes)) {
      this.#counters.repeatedBytes += payloadWireBytes;
      return;
    }
    this.#counters.segmentsHeld++;
    words[row * ROW_WORDS + STATE] = (words[row * ROW_WORDS + STATE] as number) | (STATE_HELD << side);
    this.#held.hold(2 * row + side, sequence, bytes, payloadAt, payloadEnd, payloadWireBytes, nowUs);
  }

  /** A segment that begins with octets that were given out: the rest of it, if there is any. */
  #takeRest(row: number, side: number, packet: Packet, sequence: number, behind: number, nowUs: number): void {
    const { words } = this.#table;
    const { bytes, payloadAt, payloadEnd, payloadWireBytes } = packet;
    const next = row * ROW_WORDS + NEXT_SEQUENCE + side;
    if (behind < payloadWireBytes) {
      this.#counters.repeatedBytes += behind;
      words[next] = (sequence + payloadWireBytes) | 0;
      const from = Math.min(payloadAt + behind, payloadEnd);
      this.#give(row, side, bytes, from, payloadEnd, payloadWireBytes - behind, nowUs);
    } else if (((sequence - (words[row * ROW_WORDS + FIRST_SEQUENCE + side] as number)) | 0) < 0) {
      words[row * ROW_WORDS + FIRST_SEQUENCE + side] = sequence;
      this.#target.stray(row, side, bytes, payloadAt, payloadEnd, nowUs);
    } else this.#counters.repeatedBytes += payloadWireBytes;
  }

  #startAnew(row: number, side: number, packet: Packet, sequence: number, nowUs: number): void {
    while (this.#held.count(2 * row + side) > 0) this.#skipHole(row, side);
    this.#lose(row, side, packet.payloadWireBytes);
    this.#table.words[row * ROW_WORDS + NEXT_SEQUENCE + side] = (sequence + packet.payloadWireBytes) | 0;
    this.#give(row, side, packet.bytes, packet.payloadAt, packet.payloadEnd, packet.payloadWireBytes, nowUs);
  }

  /** Gives out what waited for what has come by now, and gives holes up that are too old or have too much behind them. */
  #goOn(row: number, side: number, nowUs: number): void {
    const at = 2 * row + side;
    for (;;) {
      const first = this.#held.first(at);
      if (first === undefined) {
        const { words } = this.#table;
        words[row * ROW_WORDS + STATE] = (words[row * ROW_WORDS + STATE] as number) & ~(STATE_HELD << side);
        return;
      }
      const next = this.#table.words[row * ROW_WORDS + NEXT_SEQUENCE + side] as number;
      const isHole = ((first.sequence - next) | 0) > 0;
      if (isHole && this.#waits(row, side, nowUs - first.timeUs)) return;
      this.#skipHole(row, side);
    }
  }

  /** Whether a hole, behind which the first segment has waited for so long, may still be filled. */
  #waits(row: number, side: number, waitedUs: number): boolean {
    const flags = this.#table.words[row * ROW_WORDS + FLAGS] as number;
    if (((flags >> (8 * (1 - side))) & FLAG_ACK) !== 0) return waitedUs < UNACKNOWLEDGED_WAIT_US;
    return waitedUs < ONE_SIDED_WAIT_US && this.#held.count(2 * row + side) < ONE_SIDED_SEGMENTS;
  }

  /** Gives out the first that waits, whatever is missing before it. */
  #skipHole(row: number, side: number): void {
    const at = 2 * row + side;
    const first = this.#held.first(at);
    if (first === undefined) return;
    this.#held.removeFirst(at);
    const { words } = this.#table;
    const next = row * ROW_WORDS + NEXT_SEQUENCE + side;
    const ahead = (first.sequence - (words[next] as number)) | 0;
    if (ahead > 0) this.#lose(row, side, ahead);
    const behind = ahead < 0 ? -ahead : 0;
    this.#counters.repeatedBytes += Math.min(behind, first.wireBytes);
    if (behind >= first.wireBytes) return;
    words[next] = (first.sequence + first.wireBytes) | 0;
    const from = Math.min(behind, first.bytes.length);
    this.#give(row, side, first.bytes, from, first.bytes.length, first.wireBytes - behind, first.timeUs);
  }
}

import { encryptionOdds } from "../entropy/encryption-model.ts";
import type { CumulativeEntropy } from "../entropy/entropy-profile.ts";
import { addCounts, BYTE_VALUES, clearCounts, countBytes } from "../entropy/histogram.ts";
import { randomness } from "../entropy/randomness.ts";
import { FORMAT_NONE, recogniseFormat } from "../entropy/recognise-format.ts";
import { seekFormat } from "../entropy/seek-format.ts";
import { entropyBitsPerByte } from "../entropy/shannon.ts";
import type { Evidence } from "../entropy/verdict.ts";
import { RawWindows } from "./raw-windows.ts";
import {
  AT_CHECKPOINT,
  AT_OFFSET,
  AT_START_SAMPLE_END,
  AT_WINDOW_END,
  type Cut,
  type SamplePlan,
  type SampleSettings,
  samplePlan,
} from "./sample-plan.ts";
import { NO_SLOT, SamplePool, SLOT_BYTES } from "./sample-pool.ts";

/** Slots are reserved for all directions up to this many: most sessions don't use theirs at the same time. */
const SLOTS_MAX = 500_000;

/** In fewer octets, the headers of short encrypted messages look as uneven as what is compressed. */
const ODDS_LEAST_BYTES = 1024;

/** A head of which nothing is known is kept, with what follows, when its randomness is below this. */
const NEARLY_FLAT = 2;

const EMPTY = 0;
const SAMPLING = 1;
/** All that is wanted is known, the memory is given back. */
const MEASURED = 2;
/** No slot was free. */
const SKIPPED = 3;

/**
 * The payload sample of each direction. Its first octets are kept as they are until there are enough of them to tell a
 * format; from then on each octet is counted once. The first window is the sample: where too little follows the offset, that
 * is from the start. Further windows are taken of what nothing explains, until one is as flat as random. On the way the
 * entropy of all octets so far is noted at each checkpoint. A direction is `2 * row + side`.
 */
export class Sampler {
  /** Directions whose payload could not be sampled: no slot was free. */
  skipped = 0;
  readonly #plan: SamplePlan;
  readonly #pool: SamplePool;
  readonly #state: Uint8Array;
  /** Payload octets seen, up to the end of the last window that is wanted. */
  readonly #position: Uint32Array;
  /** Index into the cuts of the plan. */
  readonly #nextCut: Uint8Array;
  /** Raw octets while the position is short of the head's end; then the counts of the window, or of all before it. */
  readonly #slot: Int32Array;
  /** Counts of what lies before the first window, while that is counted. */
  readonly #slotBefore: Int32Array;
  /** Of the head. */
  readonly #format: Uint8Array;
  readonly #rawWindows: RawWindows;
  /** Of the raw window, where there was one. */
  readonly #windowFormat: Uint8Array;
  /** NaN where there was none, or too short a one. */
  readonly #odds: Float64Array;
  /** Octets are missing: the cumulative entropy says nothing. */
  readonly #isHoled: Uint8Array;
  /** NaN where the sample is too short. */
  readonly #randomness: Float64Array;
  readonly #flattest: Float64Array;
  readonly #entropy: Float64Array;
  /** Of each direction, at each checkpoint. */
  readonly #cumulative: Float64Array;
  readonly #scratch = new Uint16Array(BYTE_VALUES);
  readonly #head: Uint8Array;

  constructor(config: SampleSettings, rows: number) {
    this.#plan = samplePlan(config);
    this.#pool = new SamplePool(Math.min(2 * rows, SLOTS_MAX));
    this.#state = new Uint8Array(2 * rows);
    this.#position = new Uint32Array(2 * rows);
    this.#nextCut = new Uint8Array(2 * rows);
    this.#slot = new Int32Array(2 * rows);
    this.#slotBefore = new Int32Array(2 * rows);
    this.#format = new Uint8Array(2 * rows);
    this.#rawWindows = new RawWindows(2 * rows, config.rawWindowsBytes);
    this.#windowFormat = new Uint8Array(2 * rows);
    this.#odds = new Float64Array(2 * rows);
    this.#isHoled = new Uint8Array(2 * rows);
    this.#randomness = new Float64Array(2 * rows);
    this.#flattest = new Float64Array(2 * rows);
    this.#entropy = new Float64Array(2 * rows);
    this.#cumulative = new Float64Array(2 * rows * this.#plan.checkpoints.length);
    this.#head = new Uint8Array(this.#plan.headBytes);
  }

  /** Slots in use, of SLOT_BYTES each. */
  get slotsInUse(): number {
    return this.#pool.inUse;
  }

  /** Directions that would have been kept as they are for a while: no room was left. */
  get rawWindowsSkipped(): number {
    return this.#rawWindows.skipped;
  }

  get rawWindowsInUse(): number {
    return this.#rawWindows.inUse;
  }

  /** Forgets both directions of a row. */
  clear(row: number): void {
    for (let at = 2 * row; at < 2 * row + 2; at++) {
      this.#giveBack(at);
      this.#state[at] = EMPTY;
      this.#position[at] = 0;
      this.#format[at] = FORMAT_NONE;
      this.#windowFormat[at] = FORMAT_NONE;
      this.#isHoled[at] = 0;
    }
  }

  /**
   * Takes the payload that comes next in a direction, `bytes[from]` to `bytes[to - 1]`. `isExplained`: its protocol is known.
   */
  add(at: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const state = this.#state[at] as number;
    if (state >= MEASURED || from >= to) return;
    if (state === EMPTY && !this.#begin(at)) return;
    const { headBytes } = this.#plan;
    const position = this.#position[at] as number;
    if (position >= headBytes) this.#count(at, bytes, from, to, isExplained);
    else if (position === 0 && to - from >= headBytes) {
      this.#format[at] = recogniseFormat(bytes, from, from + headBytes);
      clearCounts(this.#pool.counts, (this.#slot[at] as number) * BYTE_VALUES);
      if (!isExplained) this.#considerHead(at, bytes, from);
      this.#count(at, bytes, from, to, isExplained);
    } else this.#keep(at, position, bytes, from, to, isExplained);
  }

  /** Octets of a direction will not come: from here on its sample goes on, but what it adds up to isn't all. */
  lose(at: number): void {
    this.#isHoled[at] = 1;
  }

  /** Octets of payload seen in a direction, counted only up to the end of what is sampled. */
  seenBytes(at: number): number {
    return this.#position[at] as number;
  }

  /** What is known of a direction by now; undefined without payload. */
  evidence(at: number, isExplained: boolean): Evidence | undefined {
    const state = this.#state[at] as number;
    if (state === EMPTY || state === SKIPPED) return undefined;
    if (state === SAMPLING) this.#measure(at, isExplained);
    return {
      randomness: numberOrNull(this.#randomness[at] as number),
      flattest: numberOrNull(this.#flattest[at] as number),
      entropyBitsPerByte: this.#entropy[at] as number,
      format: this.#format[at] as number,
      windowFormat: this.#windowFormat[at] as number,
      odds: numberOrNull(this.#odds[at] as number),
    };
  }

  /**
   * Entropy of all octets up to each checkpoint that was reached, in order, and for a direction whose sample is from the
   * start and whole, up to the last octet (as of the last time that its evidence was asked for). None where octets were lost.
   */
  cumulative(at: number): readonly CumulativeEntropy[] {
    const state = this.#state[at] as number;
    if (this.#isHoled[at] === 1 || state === EMPTY || state === SKIPPED) return [];
    const { checkpoints, sizeBytes, decidedBytes } = this.#plan;
    const position = this.#position[at] as number;
    const base = at * checkpoints.length;
    const points: CumulativeEntropy[] = [];
    for (let i = 0; i < checkpoints.length && (checkpoints[i] as number) <= position; i++)
      points.push({ octets: checkpoints[i] as number, bitsPerByte: this.#cumulative[base + i] as number });
    if (position < decidedBytes && position <= sizeBytes && position !== points.at(-1)?.octets)
      points.push({ octets: position, bitsPerByte: this.#entropy[at] as number });
    return points;
  }

  #measure(at: number, isExplained: boolean): void {
    const position = this.#position[at] as number;
    if (position >= this.#plan.headBytes) {
      this.#measureCounted(at);
      if (this.#rawWindows.isOpen(at)) this.#judgeRaw(at);
      return;
    }
    const { raw } = this.#pool;
    const rawAt = (this.#slot[at] as number) * SLOT_BYTES;
    const length = Math.min(position, this.#plan.sizeBytes);
    const format = recogniseFormat(raw, rawAt, rawAt + position);
    this.#format[at] = format;
    clearCounts(this.#scratch, 0);
    countBytes(this.#scratch, 0, raw, rawAt, rawAt + length);
    this.#setMeasures(at, this.#scratch, 0, length);
    if (!isExplained && format === FORMAT_NONE && (this.#randomness[at] as number) < NEARLY_FLAT)
      this.#windowFormat[at] = seekFormat(raw, rawAt, rawAt + position);
  }

  #begin(at: number): boolean {
    const slot = this.#pool.take();
    this.#slot[at] = slot;
    this.#nextCut[at] = 0;
    this.#odds[at] = Number.NaN;
    this.#state[at] = slot === NO_SLOT ? SKIPPED : SAMPLING;
    if (slot === NO_SLOT) this.skipped++;
    return slot !== NO_SLOT;
  }

  /** Keeps what belongs to the head as it is; once that is full it is counted, with what follows. */
  #keep(at: number, position: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const { raw, counts } = this.#pool;
    const slot = this.#slot[at] as number;
    const rawAt = slot * SLOT_BYTES;
    const { headBytes } = this.#plan;
    const end = Math.min(to, from + headBytes - position);
    let target = rawAt + position;
    for (let i = from; i < end; i++) raw[target++] = bytes[i] as number;
    const kept = target - rawAt;
    if (kept < headBytes) {
      this.#position[at] = kept;
      return;
    }
    this.#format[at] = recogniseFormat(raw, rawAt, target);
    const head = this.#head;
    for (let i = 0; i < headBytes; i++) head[i] = raw[rawAt + i] as number;
    clearCounts(counts, slot * BYTE_VALUES);
    this.#position[at] = 0;
    if (!isExplained) this.#considerHead(at, head, 0);
    this.#count(at, head, 0, headBytes, isExplained);
    this.#count(at, bytes, end, to, isExplained);
  }

  /** The head of a direction, from `from` on, whose protocol isn't known. */
  #considerHead(at: number, bytes: Uint8Array, from: number): void {
    if (this.#format[at] !== FORMAT_NONE) return;
    const { headBytes } = this.#plan;
    clearCounts(this.#scratch, 0);
    countBytes(this.#scratch, 0, bytes, from, from + headBytes);
    if ((randomness(this.#scratch, 0, headBytes) ?? NEARLY_FLAT) < NEARLY_FLAT) this.#rawWindows.open(at);
  }

  #keepRaw(at: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const windows = this.#rawWindows;
    if (!isExplained) {
      windows.append(at, bytes, from, to);
      if (!windows.isFull(at)) return;
      this.#judgeRaw(at);
    }
    windows.close(at);
  }

  #judgeRaw(at: number): void {
    const { bytes } = this.#rawWindows;
    const start = this.#rawWindows.start(at);
    const end = this.#rawWindows.end(at);
    this.#windowFormat[at] = seekFormat(bytes, start, end);
    if (end - start >= ODDS_LEAST_BYTES) this.#odds[at] = encryptionOdds(bytes, start, end);
  }

  #count(at: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const { cuts } = this.#plan;
    const { counts } = this.#pool;
    if (this.#rawWindows.isOpen(at)) this.#keepRaw(at, bytes, from, to, isExplained);
    let position = this.#position[at] as number;
    while (from < to && this.#state[at] === SAMPLING) {
      const { octets, what, isCounted } = cuts[this.#nextCut[at] as number] as Cut;
      const end = Math.min(to, from + octets - position);
      if (isCounted) countBytes(counts, (this.#slot[at] as number) * BYTE_VALUES, bytes, from, end);
      position += end - from;
      from = end;
      this.#position[at] = position;
      if (position < octets) return;
      this.#reach(at, what, isExplained);
      this.#nextCut[at] = (this.#nextCut[at] as number) + 1;
    }
  }

  #reach(at: number, what: number, isExplained: boolean): void {
    if ((what & AT_START_SAMPLE_END) !== 0) this.#measureCounted(at);
    if ((what & AT_CHECKPOINT) !== 0) this.#note(at);
    if ((what & AT_OFFSET) !== 0) this.#beginFirst(at);
    if ((what & AT_WINDOW_END) !== 0) this.#endWindow(at, isExplained);
  }

  /** Notes the entropy of all octets so far. */
  #note(at: number): void {
    const { checkpoints } = this.#plan;
    const position = this.#position[at] as number;
    const index = at * checkpoints.length + checkpoints.indexOf(position);
    this.#cumulative[index] = entropyBitsPerByte(this.#countsSoFar(at), this.#baseSoFar(at), position);
  }

  /** What was counted so far is before the first window. */
  #beginFirst(at: number): void {
    const slot = this.#pool.take();
    if (slot === NO_SLOT) {
      this.#giveBack(at);
      this.#state[at] = SKIPPED;
      this.skipped++;
      return;
    }
    this.#slotBefore[at] = this.#slot[at] as number;
    this.#slot[at] = slot;
    clearCounts(this.#pool.counts, slot * BYTE_VALUES);
  }

  #endWindow(at: number, isExplained: boolean): void {
    const { cuts, firstWindowEnd, sizeBytes } = this.#plan;
    const { counts } = this.#pool;
    const base = (this.#slot[at] as number) * BYTE_VALUES;
    const cut = this.#nextCut[at] as number;
    if (cut === firstWindowEnd) this.#measureCounted(at);
    else {
      const value = randomness(counts, base, sizeBytes) as number;
      if (value < (this.#flattest[at] as number)) this.#flattest[at] = value;
    }
    if (isExplained || (this.#flattest[at] as number) < 1 || cut + 1 === cuts.length) {
      this.#state[at] = MEASURED;
      if (this.#rawWindows.isOpen(at)) this.#judgeRaw(at);
      this.#giveBack(at);
    } else clearCounts(counts, base);
  }

  /** Measures the sample, unless that was done and it has not changed since. */
  #measureCounted(at: number): void {
    const { decidedBytes, firstWindowEnd, offsetBytes, sizeBytes } = this.#plan;
    const position = this.#position[at] as number;
    if (position < decidedBytes) {
      if (position <= sizeBytes) this.#setMeasures(at, this.#countsSoFar(at), this.#baseSoFar(at), position);
    } else if ((this.#nextCut[at] as number) <= firstWindowEnd) {
      const base = (this.#slot[at] as number) * BYTE_VALUES;
      this.#setMeasures(at, this.#pool.counts, base, Math.min(position - offsetBytes, sizeBytes));
    }
  }

  /** Counts of all octets so far, from `#baseSoFar` on; up to the end of the first window. */
  #countsSoFar(at: number): Uint16Array {
    const before = this.#slotBefore[at] as number;
    if (before === NO_SLOT) return this.#pool.counts;
    addCounts(this.#scratch, this.#pool.counts, before * BYTE_VALUES, (this.#slot[at] as number) * BYTE_VALUES);
    return this.#scratch;
  }

  #baseSoFar(at: number): number {
    return this.#slotBefore[at] === NO_SLOT ? (this.#slot[at] as number) * BYTE_VALUES : 0;
  }

  #setMeasures(at: number, counts: Uint16Array, base: number, total: number): void {
    this.#randomness[at] = randomness(counts, base, total) ?? Number.NaN;
    this.#flattest[at] = this.#randomness[at] as number;
    this.#entropy[at] = entropyBitsPerByte(counts, base, total);
  }

  #giveBack(at: number): void {
    this.#rawWindows.close(at);
    this.#pool.give(this.#slot[at] as number);
    this.#pool.give(this.#slotBefore[at] as number);
    this.#slot[at] = NO_SLOT;
    this.#slotBefore[at] = NO_SLOT;
  }
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

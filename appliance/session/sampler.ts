import { encryptionOdds } from "../entropy/encryption-model.ts";
import type { CumulativeEntropy } from "../entropy/entropy-profile.ts";
import { addCounts, BYTE_VALUES, clearCounts, countBytes } from "../entropy/histogram.ts";
import { randomness } from "../entropy/randomness.ts";
import { FORMAT_NONE, type Format, recogniseFormat } from "../entropy/recognise-format.ts";
import { seekFormat } from "../entropy/seek-format.ts";
import { entropyBitsPerByte } from "../entropy/shannon.ts";
import type { Evidence } from "../entropy/verdict.ts";
import { NO_WINDOW, RawWindows } from "./raw-windows.ts";
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
import { NO_SLOT, SamplePool, SCRATCH_SLOT, SLOT_BYTES } from "./sample-pool.ts";
import {
  CUMULATIVE,
  EMPTY,
  ENTROPY,
  FLATTEST,
  FORMAT_MASK,
  FORMATS,
  HOLED,
  MEASURED,
  NEXT_CUT,
  ODDS,
  POSITION,
  RANDOMNESS,
  RAW_WINDOW,
  SAMPLE_WORDS,
  SAMPLING,
  SKIPPED,
  SLOT,
  SLOT_BEFORE,
  STATE,
  WINDOW_FORMAT_SHIFT,
} from "./sample-rows.ts";

/** Slots are reserved for all directions up to this many: most sessions don't use theirs at the same time. */
const SLOTS_MAX = 500_000;

/** In fewer octets, the headers of short encrypted messages look as uneven as what is compressed. */
const ODDS_LEAST_BYTES = 1024;

/** A head of which nothing is known is kept, with what follows, when its randomness is below this. */
const NEARLY_FLAT = 2;

/** Where counts are made that nobody keeps. */
const SCRATCH = SCRATCH_SLOT * BYTE_VALUES;

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
  readonly #rawWindows: RawWindows;
  /** SAMPLE_WORDS of each direction. */
  readonly #words: Int32Array;
  /** `#stride` of each direction. */
  readonly #numbers: Float64Array;
  readonly #stride: number;

  constructor(config: SampleSettings, rows: number) {
    this.#plan = samplePlan(config);
    this.#pool = new SamplePool(Math.min(2 * rows, SLOTS_MAX));
    this.#rawWindows = new RawWindows(config.rawWindowsBytes);
    this.#words = new Int32Array(2 * rows * SAMPLE_WORDS);
    this.#stride = CUMULATIVE + this.#plan.checkpoints.length;
    this.#numbers = new Float64Array(2 * rows * this.#stride);
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
    const base = 2 * row * SAMPLE_WORDS;
    this.#giveBack(base);
    this.#giveBack(base + SAMPLE_WORDS);
    for (let i = base; i < base + 2 * SAMPLE_WORDS; i++) this.#words[i] = 0;
  }

  /**
   * Takes the payload that comes next in a direction, `bytes[from]` to `bytes[to - 1]`. `isExplained`: its protocol is known.
   */
  add(at: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const words = this.#words;
    const base = at * SAMPLE_WORDS;
    const state = words[base + STATE] as number;
    if (state >= MEASURED || from >= to) return;
    if (state === EMPTY && !this.#begin(at)) return;
    const { headBytes } = this.#plan;
    const position = words[base + POSITION] as number;
    if (position >= headBytes) this.#count(at, bytes, from, to, isExplained);
    else if (position === 0 && to - from >= headBytes)
      this.#countHead(at, words[base + SLOT] as number, bytes, from, to, isExplained);
    else this.#keep(at, position, bytes, from, to, isExplained);
  }

  /** Octets of a direction will not come: from here on its sample goes on, but what it adds up to isn't all. */
  lose(at: number): void {
    this.#words[at * SAMPLE_WORDS + HOLED] = 1;
  }

  /** Octets of payload seen in a direction, counted only up to the end of what is sampled. */
  seenBytes(at: number): number {
    return this.#words[at * SAMPLE_WORDS + POSITION] as number;
  }

  /** What is known of a direction by now; undefined without payload. */
  evidence(at: number, isExplained: boolean): Evidence | undefined {
    const base = at * SAMPLE_WORDS;
    const state = this.#words[base + STATE] as number;
    if (state === EMPTY || state === SKIPPED) return undefined;
    if (state === SAMPLING) this.#measure(at, isExplained);
    const numbers = this.#numbers;
    const number = at * this.#stride;
    const formats = this.#words[base + FORMATS] as number;
    return {
      randomness: numberOrNull(numbers[number + RANDOMNESS] as number),
      flattest: numberOrNull(numbers[number + FLATTEST] as number),
      entropyBitsPerByte: numbers[number + ENTROPY] as number,
      format: formats & FORMAT_MASK,
      windowFormat: formats >> WINDOW_FORMAT_SHIFT,
      odds: numberOrNull(numbers[number + ODDS] as number),
    };
  }

  /**
   * Entropy of all octets up to each checkpoint that was reached, in order, and for a direction whose sample is from the
   * start and whole, up to the last octet (as of the last time that its evidence was asked for). None where octets were lost.
   */
  cumulative(at: number): readonly CumulativeEntropy[] {
    const base = at * SAMPLE_WORDS;
    const state = this.#words[base + STATE] as number;
    if (this.#words[base + HOLED] !== 0 || state === EMPTY || state === SKIPPED) return [];
    const { checkpoints, sizeBytes, decidedBytes } = this.#plan;
    const position = this.#words[base + POSITION] as number;
    const number = at * this.#stride;
    const points: CumulativeEntropy[] = [];
    for (let i = 0; i < checkpoints.length && (checkpoints[i] as number) <= position; i++)
      points.push({
        octets: checkpoints[i] as number,
        bitsPerByte: this.#numbers[number + CUMULATIVE + i] as number,
      });
    if (position < decidedBytes && position <= sizeBytes && position !== points.at(-1)?.octets)
      points.push({ octets: position, bitsPerByte: this.#numbers[number + ENTROPY] as number });
    return points;
  }

  #measure(at: number, isExplained: boolean): void {
    const base = at * SAMPLE_WORDS;
    const position = this.#words[base + POSITION] as number;
    if (position >= this.#plan.headBytes) {
      this.#measureCounted(at);
      if (this.#words[base + RAW_WINDOW] !== NO_WINDOW) this.#judgeRaw(at);
      return;
    }
    const { raw, counts } = this.#pool;
    const rawAt = (this.#words[base + SLOT] as number) * SLOT_BYTES;
    const length = Math.min(position, this.#plan.sizeBytes);
    const format = recogniseFormat(raw, rawAt, rawAt + position);
    this.#words[base + FORMATS] = format;
    clearCounts(counts, SCRATCH);
    countBytes(counts, SCRATCH, raw, rawAt, rawAt + length);
    this.#setMeasures(at, SCRATCH, length);
    if (
      !isExplained &&
      format === FORMAT_NONE &&
      (this.#numbers[at * this.#stride + RANDOMNESS] as number) < NEARLY_FLAT
    )
      this.#setWindowFormat(at, seekFormat(raw, rawAt, rawAt + position));
  }

  #begin(at: number): boolean {
    const base = at * SAMPLE_WORDS;
    const slot = this.#pool.take();
    this.#words[base + SLOT] = slot;
    this.#words[base + STATE] = slot === NO_SLOT ? SKIPPED : SAMPLING;
    this.#numbers[at * this.#stride + ODDS] = Number.NaN;
    if (slot === NO_SLOT) this.skipped++;
    return slot !== NO_SLOT;
  }

  /** Keeps what belongs to the head as it is; once that is full it is counted, with what follows. */
  #keep(at: number, position: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const { raw } = this.#pool;
    const base = at * SAMPLE_WORDS;
    const slot = this.#words[base + SLOT] as number;
    const rawAt = slot * SLOT_BYTES;
    const { headBytes } = this.#plan;
    const end = Math.min(to, from + headBytes - position);
    const target = rawAt + position - from;
    for (let i = from; i < end; i++) raw[target + i] = bytes[i] as number;
    if (target + end < rawAt + headBytes) {
      this.#words[base + POSITION] = target + end - rawAt;
      return;
    }
    const counted = this.#pool.take();
    if (counted === NO_SLOT) this.#skip(at);
    else {
      this.#words[base + POSITION] = 0;
      this.#words[base + SLOT] = counted;
      this.#countHead(at, counted, raw, rawAt, rawAt + headBytes, isExplained);
      this.#pool.give(slot);
      this.#count(at, bytes, end, to, isExplained);
    }
  }

  /** Counts octets that begin with the head, in a slot that has old content. */
  #countHead(at: number, slot: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const { counts } = this.#pool;
    const { headBytes } = this.#plan;
    const format = recogniseFormat(bytes, from, from + headBytes);
    const base = at * SAMPLE_WORDS;
    this.#words[base + FORMATS] = format;
    if (!isExplained && format === FORMAT_NONE) {
      clearCounts(counts, SCRATCH);
      countBytes(counts, SCRATCH, bytes, from, from + headBytes);
      if ((randomness(counts, SCRATCH, headBytes) ?? NEARLY_FLAT) < NEARLY_FLAT)
        this.#words[base + RAW_WINDOW] = this.#rawWindows.open();
    }
    clearCounts(counts, slot * BYTE_VALUES);
    this.#count(at, bytes, from, to, isExplained);
  }

  #keepRaw(at: number, window: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    if (!isExplained) {
      this.#rawWindows.append(window, bytes, from, to);
      if (!this.#rawWindows.isFull(window)) return;
      this.#judgeRaw(at);
    }
    this.#closeRaw(at * SAMPLE_WORDS);
  }

  #judgeRaw(at: number): void {
    const window = this.#words[at * SAMPLE_WORDS + RAW_WINDOW] as number;
    const { bytes } = this.#rawWindows;
    const start = this.#rawWindows.start(window);
    const end = this.#rawWindows.end(window);
    this.#setWindowFormat(at, seekFormat(bytes, start, end));
    if (end - start >= ODDS_LEAST_BYTES) this.#numbers[at * this.#stride + ODDS] = encryptionOdds(bytes, start, end);
  }

  #setWindowFormat(at: number, format: Format): void {
    const formats = at * SAMPLE_WORDS + FORMATS;
    this.#words[formats] = ((this.#words[formats] as number) & FORMAT_MASK) | (format << WINDOW_FORMAT_SHIFT);
  }

  #count(at: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const { cuts } = this.#plan;
    const { counts } = this.#pool;
    const words = this.#words;
    const base = at * SAMPLE_WORDS;
    const window = words[base + RAW_WINDOW] as number;
    if (window !== NO_WINDOW) this.#keepRaw(at, window, bytes, from, to, isExplained);
    let position = words[base + POSITION] as number;
    let next = from;
    while (next < to && words[base + STATE] === SAMPLING) {
      const { octets, what, isCounted } = cuts[words[base + NEXT_CUT] as number] as Cut;
      const end = Math.min(to, next + octets - position);
      if (isCounted) countBytes(counts, (words[base + SLOT] as number) * BYTE_VALUES, bytes, next, end);
      position += end - next;
      next = end;
      words[base + POSITION] = position;
      if (position < octets) return;
      this.#reach(at, what, isExplained);
      words[base + NEXT_CUT] = (words[base + NEXT_CUT] as number) + 1;
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
    const position = this.#words[at * SAMPLE_WORDS + POSITION] as number;
    const index = at * this.#stride + CUMULATIVE + this.#plan.checkpoints.indexOf(position);
    this.#numbers[index] = entropyBitsPerByte(this.#pool.counts, this.#countsSoFar(at), position);
  }

  /** What was counted so far is before the first window. */
  #beginFirst(at: number): void {
    const base = at * SAMPLE_WORDS;
    const slot = this.#pool.take();
    if (slot === NO_SLOT) this.#skip(at);
    else {
      this.#words[base + SLOT_BEFORE] = this.#words[base + SLOT] as number;
      this.#words[base + SLOT] = slot;
      clearCounts(this.#pool.counts, slot * BYTE_VALUES);
    }
  }

  #skip(at: number): void {
    const base = at * SAMPLE_WORDS;
    this.#giveBack(base);
    this.#words[base + STATE] = SKIPPED;
    this.skipped++;
  }

  #endWindow(at: number, isExplained: boolean): void {
    const { cuts, firstWindowEnd, sizeBytes } = this.#plan;
    const { counts } = this.#pool;
    const base = at * SAMPLE_WORDS;
    const window = (this.#words[base + SLOT] as number) * BYTE_VALUES;
    const cut = this.#words[base + NEXT_CUT] as number;
    const flattest = at * this.#stride + FLATTEST;
    if (cut === firstWindowEnd) this.#measureCounted(at);
    else {
      const value = randomness(counts, window, sizeBytes) as number;
      if (value < (this.#numbers[flattest] as number)) this.#numbers[flattest] = value;
    }
    if (isExplained || (this.#numbers[flattest] as number) < 1 || cut + 1 === cuts.length) {
      this.#words[base + STATE] = MEASURED;
      if (this.#words[base + RAW_WINDOW] !== NO_WINDOW) this.#judgeRaw(at);
      this.#giveBack(base);
    } else clearCounts(counts, window);
  }

  /** Measures the sample, unless that was done and it has not changed since. */
  #measureCounted(at: number): void {
    const { decidedBytes, firstWindowEnd, offsetBytes, sizeBytes } = this.#plan;
    const base = at * SAMPLE_WORDS;
    const position = this.#words[base + POSITION] as number;
    if (position < decidedBytes) {
      if (position <= sizeBytes) this.#setMeasures(at, this.#countsSoFar(at), position);
    } else if ((this.#words[base + NEXT_CUT] as number) <= firstWindowEnd)
      this.#setMeasures(
        at,
        (this.#words[base + SLOT] as number) * BYTE_VALUES,
        Math.min(position - offsetBytes, sizeBytes),
      );
  }

  /** Where in the pool's counts those of all octets so far are; up to the end of the first window. */
  #countsSoFar(at: number): number {
    const base = at * SAMPLE_WORDS;
    const window = (this.#words[base + SLOT] as number) * BYTE_VALUES;
    const before = this.#words[base + SLOT_BEFORE] as number;
    if (before === NO_SLOT) return window;
    addCounts(this.#pool.counts, SCRATCH, before * BYTE_VALUES, window);
    return SCRATCH;
  }

  #setMeasures(at: number, base: number, total: number): void {
    const { counts } = this.#pool;
    const numbers = this.#numbers;
    const number = at * this.#stride;
    const value = randomness(counts, base, total) ?? Number.NaN;
    numbers[number + RANDOMNESS] = value;
    numbers[number + FLATTEST] = value;
    numbers[number + ENTROPY] = entropyBitsPerByte(counts, base, total);
  }

  /** Of the direction whose words are at `base`. */
  #giveBack(base: number): void {
    this.#closeRaw(base);
    this.#pool.give(this.#words[base + SLOT] as number);
    this.#pool.give(this.#words[base + SLOT_BEFORE] as number);
    this.#words[base + SLOT] = NO_SLOT;
    this.#words[base + SLOT_BEFORE] = NO_SLOT;
  }

  #closeRaw(base: number): void {
    const window = this.#words[base + RAW_WINDOW] as number;
    if (window === NO_WINDOW) return;
    this.#rawWindows.close(window);
    this.#words[base + RAW_WINDOW] = NO_WINDOW;
  }
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

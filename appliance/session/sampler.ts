import { encryptionOdds } from "../entropy/encryption-model.ts";
import type { CumulativeEntropy } from "../entropy/entropy-profile.ts";
import { BYTE_VALUES, clearCounts, countBytes } from "../entropy/histogram.ts";
import { randomness } from "../entropy/randomness.ts";
import { FORMAT_NONE, type Format, recogniseFormat } from "../entropy/recognise-format.ts";
import { seekFormat } from "../entropy/seek-format.ts";
import type { Evidence } from "../entropy/verdict.ts";
import { NO_WINDOW, RawWindows } from "./raw-windows.ts";
import { SampleMeasures } from "./sample-measures.ts";
import {
  AT_BEFORE_END,
  AT_CHECKPOINT,
  AT_OFFSET,
  AT_START_SAMPLE_END,
  AT_WINDOW_END,
  type Cut,
  type SamplePlan,
  type SampleSettings,
  samplePlan,
} from "./sample-plan.ts";
import { NOWHERE, SamplePool } from "./sample-pool.ts";
import {
  COUNTS,
  COUNTS_BEFORE,
  EMPTY,
  FACTS,
  FORMAT_MASK,
  HEAD,
  HOLED,
  MEASURED,
  NEXT_CUT,
  POSITION,
  RAW_WINDOW,
  SAMPLE_WORDS,
  SAMPLING,
  SKIPPED,
  STATE,
  WINDOW_FORMAT_SHIFT,
} from "./sample-rows.ts";
import { SmallCounts } from "./small-counts.ts";

/** Of the pool: one for each direction, up to this many. */
const SLOTS_MAX = 500_000;

/** In fewer octets, the headers of short encrypted messages look as uneven as what is compressed. */
const ODDS_LEAST_BYTES = 1024;

/** A head of which nothing is known is kept, with what follows, when its randomness is below this. */
const NEARLY_FLAT = 2;

/**
 * The payload sample of each direction. Its first octets are kept as they are until there are enough of them to tell a
 * format; from then on each octet is counted once. The first window is the sample: where too little follows the offset, that
 * is from the start. Further windows are taken of what nothing explains, until one is as flat as random. On the way the
 * entropy of all octets so far is noted at each checkpoint. A direction is `2 * row + side`.
 */
export class Sampler {
  /** Directions whose payload could not be sampled: there was no room. */
  skipped = 0;
  readonly #plan: SamplePlan;
  readonly #pool: SamplePool;
  readonly #counts: SmallCounts;
  readonly #rawWindows: RawWindows;
  /** SAMPLE_WORDS of each direction. */
  readonly #words: Int32Array;
  readonly #measures: SampleMeasures;
  /** Where counts are added up. */
  readonly #sum = new Uint16Array(BYTE_VALUES);

  constructor(config: SampleSettings, rows: number) {
    this.#plan = samplePlan(config);
    this.#pool = new SamplePool(Math.min(2 * rows, SLOTS_MAX));
    this.#counts = new SmallCounts(this.#pool);
    this.#rawWindows = new RawWindows(config.rawWindowsBytes);
    this.#words = new Int32Array(2 * rows * SAMPLE_WORDS);
    this.#measures = new SampleMeasures(this.#plan.checkpoints, 2 * rows);
  }

  /** Octets in use for heads and counts. */
  get poolBytes(): number {
    return this.#pool.inUseBytes;
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
    const { headBytes } = this.#plan;
    if (state === EMPTY) {
      words[base + STATE] = SAMPLING;
      this.#measures.begin(at);
      if (to - from >= headBytes) {
        if (this.#beginCounts(at, bytes, from, isExplained)) this.#count(at, bytes, from, to, isExplained);
        return;
      }
    }
    const position = words[base + POSITION] as number;
    if (position >= headBytes) this.#count(at, bytes, from, to, isExplained);
    else this.#keep(at, position, bytes, from, to, isExplained);
  }

  /** Octets of a direction will not come: from here on its sample goes on, but what it adds up to isn't all. */
  lose(at: number): void {
    const facts = at * SAMPLE_WORDS + FACTS;
    this.#words[facts] = (this.#words[facts] as number) | HOLED;
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
    const facts = this.#words[base + FACTS] as number;
    return this.#measures.evidence(at, facts & FORMAT_MASK, (facts >> WINDOW_FORMAT_SHIFT) & FORMAT_MASK);
  }

  /**
   * Entropy of all octets up to each checkpoint that was reached, in order, and for a direction whose sample is from the
   * start and whole, up to the last octet (as of the last time that its evidence was asked for). None where octets were lost.
   */
  cumulative(at: number): readonly CumulativeEntropy[] {
    const base = at * SAMPLE_WORDS;
    const state = this.#words[base + STATE] as number;
    if (((this.#words[base + FACTS] as number) & HOLED) !== 0 || state === EMPTY || state === SKIPPED) return [];
    const { sizeBytes, decidedBytes } = this.#plan;
    const position = this.#words[base + POSITION] as number;
    return this.#measures.cumulative(at, position, position < decidedBytes && position <= sizeBytes);
  }

  #measure(at: number, isExplained: boolean): void {
    const base = at * SAMPLE_WORDS;
    const position = this.#words[base + POSITION] as number;
    if (position >= this.#plan.headBytes) {
      this.#measureCounted(at);
      if (this.#words[base + RAW_WINDOW] !== NO_WINDOW) this.#judgeRaw(at);
      return;
    }
    const { bytes } = this.#pool;
    const from = this.#words[base + HEAD] as number;
    const length = Math.min(position, this.#plan.sizeBytes);
    const format = recogniseFormat(bytes, from, from + position);
    this.#setFormat(at, format, 0);
    this.#measures.setSample(at, this.#countApart(bytes, from, from + length), length);
    if (!isExplained && format === FORMAT_NONE && this.#measures.randomness(at) < NEARLY_FLAT)
      this.#setFormat(at, seekFormat(bytes, from, from + position), WINDOW_FORMAT_SHIFT);
  }

  /** Keeps what belongs to the head as it is; once that is full it is counted, with what follows. */
  #keep(at: number, position: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const pool = this.#pool;
    const base = at * SAMPLE_WORDS;
    const { headBytes } = this.#plan;
    const end = Math.min(to, from + headBytes - position);
    const kept = position + end - from;
    const head = this.#roomForHead(at, position, kept);
    if (head === NOWHERE) return;
    const target = head + position - from;
    for (let i = from; i < end; i++) pool.bytes[target + i] = bytes[i] as number;
    if (kept < headBytes) {
      this.#words[base + POSITION] = kept;
      return;
    }
    this.#words[base + POSITION] = 0;
    if (!this.#beginCounts(at, pool.bytes, head, isExplained)) return;
    this.#words[base + HEAD] = NOWHERE;
    this.#count(at, pool.bytes, head, head + headBytes, isExplained);
    pool.give(head);
    this.#count(at, bytes, end, to, isExplained);
  }

  /** Where the head is, which will have `wanted` octets and has `kept`; NOWHERE when there is no room. */
  #roomForHead(at: number, kept: number, wanted: number): number {
    const pool = this.#pool;
    const base = at * SAMPLE_WORDS;
    const before = this.#words[base + HEAD] as number;
    if (before !== NOWHERE && wanted <= pool.roomBytes(before)) return before;
    const head = pool.take(wanted);
    if (head === NOWHERE) this.#skip(at);
    else {
      for (let i = 0; i < kept; i++) pool.bytes[head + i] = pool.bytes[before + i] as number;
      pool.give(before);
      this.#words[base + HEAD] = head;
    }
    return head;
  }

  /** Looks at the head, which starts at `from`, and takes room for the counts; false when there is none. */
  #beginCounts(at: number, bytes: Uint8Array, from: number, isExplained: boolean): boolean {
    const base = at * SAMPLE_WORDS;
    const { headBytes } = this.#plan;
    const format = recogniseFormat(bytes, from, from + headBytes);
    this.#setFormat(at, format, 0);
    const counts = this.#counts.begin();
    if (counts === NOWHERE) return this.#skip(at);
    this.#words[base + COUNTS] = counts;
    if (isExplained || format !== FORMAT_NONE) return true;
    const apart = this.#countApart(bytes, from, from + headBytes);
    if ((randomness(apart, 0, headBytes) ?? NEARLY_FLAT) < NEARLY_FLAT)
      this.#words[base + RAW_WINDOW] = this.#rawWindows.open();
    return true;
  }

  /** Counts that nobody keeps. */
  #countApart(bytes: Uint8Array, from: number, to: number): Uint16Array {
    clearCounts(this.#sum, 0);
    countBytes(this.#sum, 0, bytes, from, to);
    return this.#sum;
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
    this.#setFormat(at, seekFormat(bytes, start, end), WINDOW_FORMAT_SHIFT);
    if (end - start >= ODDS_LEAST_BYTES) this.#measures.setOdds(at, encryptionOdds(bytes, start, end));
  }

  #setFormat(at: number, format: Format, shift: number): void {
    const facts = at * SAMPLE_WORDS + FACTS;
    this.#words[facts] = ((this.#words[facts] as number) & ~(FORMAT_MASK << shift)) | (format << shift);
  }

  #count(at: number, bytes: Uint8Array, from: number, to: number, isExplained: boolean): void {
    const { cuts } = this.#plan;
    const words = this.#words;
    const base = at * SAMPLE_WORDS;
    const window = words[base + RAW_WINDOW] as number;
    if (window !== NO_WINDOW) this.#keepRaw(at, window, bytes, from, to, isExplained);
    let position = words[base + POSITION] as number;
    let next = from;
    while (next < to && words[base + STATE] === SAMPLING) {
      const { octets, what, isCounted } = cuts[words[base + NEXT_CUT] as number] as Cut;
      const end = Math.min(to, next + octets - position);
      if (isCounted && !this.#counts.count(words[base + COUNTS] as number, bytes, next, end)) {
        this.#skip(at);
        return;
      }
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
    if ((what & AT_CHECKPOINT) !== 0) this.#noteCheckpoint(at);
    if ((what & AT_BEFORE_END) !== 0) this.#giveCounts(at * SAMPLE_WORDS + COUNTS_BEFORE);
    if ((what & AT_OFFSET) !== 0) this.#beginFirst(at);
    if ((what & AT_WINDOW_END) !== 0) this.#endWindow(at, isExplained);
  }

  #noteCheckpoint(at: number): void {
    const position = this.#words[at * SAMPLE_WORDS + POSITION] as number;
    this.#measures.noteCheckpoint(at, this.#countsSoFar(at), position);
  }

  /** What was counted so far is before the first window. */
  #beginFirst(at: number): void {
    const base = at * SAMPLE_WORDS;
    const counts = this.#counts.begin();
    if (counts === NOWHERE) this.#skip(at);
    else {
      this.#words[base + COUNTS_BEFORE] = this.#words[base + COUNTS] as number;
      this.#words[base + COUNTS] = counts;
    }
  }

  #skip(at: number): false {
    const base = at * SAMPLE_WORDS;
    this.#giveBack(base);
    this.#words[base + STATE] = SKIPPED;
    this.skipped++;
    return false;
  }

  #endWindow(at: number, isExplained: boolean): void {
    const { cuts, firstWindowEnd, sizeBytes } = this.#plan;
    const base = at * SAMPLE_WORDS;
    const cut = this.#words[base + NEXT_CUT] as number;
    if (cut === firstWindowEnd) this.#measureCounted(at);
    else this.#measures.addWindow(at, this.#countsOfWindow(base), sizeBytes);
    if (isExplained || this.#measures.flattest(at) < 1 || cut + 1 === cuts.length) {
      this.#words[base + STATE] = MEASURED;
      if (this.#words[base + RAW_WINDOW] !== NO_WINDOW) this.#judgeRaw(at);
      this.#giveBack(base);
    } else this.#counts.clear(this.#words[base + COUNTS] as number);
  }

  /** Measures the sample, unless that was done and it has not changed since. */
  #measureCounted(at: number): void {
    const { decidedBytes, firstWindowEnd, offsetBytes, sizeBytes } = this.#plan;
    const base = at * SAMPLE_WORDS;
    const position = this.#words[base + POSITION] as number;
    if (position < decidedBytes) {
      if (position <= sizeBytes) this.#measures.setSample(at, this.#countsSoFar(at), position);
    } else if ((this.#words[base + NEXT_CUT] as number) <= firstWindowEnd)
      this.#measures.setSample(at, this.#countsOfWindow(base), Math.min(position - offsetBytes, sizeBytes));
  }

  /** Of all octets so far, as long as the counts before the first window are kept. */
  #countsSoFar(at: number): Uint16Array {
    const base = at * SAMPLE_WORDS;
    const sum = this.#countsOfWindow(base);
    const before = this.#words[base + COUNTS_BEFORE] as number;
    if (before !== NOWHERE) this.#counts.addTo(sum, before);
    return sum;
  }

  #countsOfWindow(base: number): Uint16Array {
    clearCounts(this.#sum, 0);
    this.#counts.addTo(this.#sum, this.#words[base + COUNTS] as number);
    return this.#sum;
  }

  /** Of the direction whose words are at `base`. */
  #giveBack(base: number): void {
    this.#closeRaw(base);
    this.#pool.give(this.#words[base + HEAD] as number);
    this.#words[base + HEAD] = NOWHERE;
    this.#giveCounts(base + COUNTS);
    this.#giveCounts(base + COUNTS_BEFORE);
  }

  /** Those that the word at `index` stands for. */
  #giveCounts(index: number): void {
    this.#counts.give(this.#words[index] as number);
    this.#words[index] = NOWHERE;
  }

  #closeRaw(base: number): void {
    const window = this.#words[base + RAW_WINDOW] as number;
    if (window === NO_WINDOW) return;
    this.#rawWindows.close(window);
    this.#words[base + RAW_WINDOW] = NO_WINDOW;
  }
}

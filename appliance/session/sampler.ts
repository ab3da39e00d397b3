import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import { type Evidence, WINDOW_BYTES } from "../entropy/evidence.ts";
import { describeFirstPacket } from "../entropy/first-packet.ts";
import { BYTE_VALUES, countBytes } from "../entropy/histogram.ts";
import { CHECKPOINT_LEAST_ORDER } from "../entropy/profile.ts";
import { randomness } from "../entropy/randomness.ts";
import { FORMAT_NONE, type Format, recogniseFormat } from "../entropy/recognise-format.ts";
import { PROTOCOL_NONE, PROTOCOLS } from "../entropy/recognise-protocol.ts";
import { entropyBitsPerByte } from "../entropy/shannon.ts";
import { judge, type Kind, type Verdict } from "../entropy/verdict.ts";
import { RawWindows } from "./raw-windows.ts";
import { planSample, type SamplePlan, windowStart } from "./sample-plan.ts";
import { NO_SLOT, SamplePool, SLOT_BYTES } from "./sample-pool.ts";

/** Slots of directions, and of what is put aside where their windows begin: 102 MB for 100,000 sessions, 256 MB at most. */
const SLOTS_A_ROW = 1.75;
const SLOTS_MAX = 437_500;
const SNAPSHOTS_A_ROW = 0.25;
const SNAPSHOTS_MAX = 62_500;
/** Raw windows: 13 MB for 100,000 sessions. */
const RAW_WINDOWS_A_ROW = 1 / 32;
const RAW_WINDOWS_MAX_BYTES = 16 * 1024 * 1024;

const EMPTY = 0;
/** The octets themselves are in the slot. */
const RAW = 1;
/** The slot is a histogram. */
const COUNTING = 2;
/** All is known, the memory is given back. */
const JUDGED = 3;
/** No slot was free. */
const SKIPPED = 4;

/** The first window is measured. */
const FIRST_DONE = 1;
/** The counts begin with the window, not with the direction. */
const CUT = 2;
/** The verdict was given while histogram and raw window were there. */
const VERDICT_KNOWN = 4;

const KINDS: readonly Kind[] = ["plain", "compressed", "encrypted", "unknown"];

/** What is told of a direction while octets are added; `add` calls it. */
export interface SamplerListener {
  /** By code of a protocol: bit k asks for the cumulative entropy of the first `64 << k` octets. */
  readonly checkpoints: Uint16Array;
  checkpoint(at: number, octets: number, entropyBitsPerByte: number): void;
  /** The sample is complete: what `evidence` and `verdict` say of it stays. */
  judged(at: number): void;
}

const NOBODY: SamplerListener = { checkpoints: new Uint16Array(BYTE_VALUES), checkpoint: () => {}, judged: () => {} };

/**
 * The payload sample of each direction: `sampleBytes` from `offsetBytes` on where at least `leastRestBytes` follow that, else from
 * the start. The first octets are kept as they are, as long as they fit a slot; then they are counted from the first one
 * on. The counts are put aside where a window begins, and what it holds is the difference. A direction is `2 * row + side`.
 */
export class Sampler {
  /** Directions whose payload could not be sampled: no slot was free. */
  skipped = 0;
  /** Directions whose cumulative entropy ended with the offset: no slot was free for the counts up to there. */
  cut = 0;
  /** Directions of which a raw window was wanted, but no slot was free. */
  rawSkipped = 0;
  readonly #plan: SamplePlan;
  readonly #listener: SamplerListener;
  readonly #pool: SamplePool;
  readonly #snapshots: SamplePool;
  readonly #rawWindows: RawWindows;
  readonly #state: Uint8Array;
  readonly #flags: Uint8Array;
  /** Payload octets seen, up to the plan's end. */
  readonly #position: Uint32Array;
  /** Index into the plan's stops: where something is to be done next. */
  readonly #stop: Uint8Array;
  readonly #slot: Int32Array;
  readonly #snapshot: Int32Array;
  readonly #rawWindow: Int32Array;
  readonly #format: Uint8Array;
  readonly #firstPacket: Uint8Array;
  /** Position for which randomness and entropy were calculated last. */
  readonly #measuredAt: Uint32Array;
  /** NaN where the sample is too short. */
  readonly #randomness: Float64Array;
  readonly #flattest: Float64Array;
  readonly #entropy: Float64Array;
  readonly #pEncrypted: Float32Array;
  readonly #kind: Uint8Array;
  readonly #scratch = new Uint16Array(BYTE_VALUES);
  /** Where the sample was found that was measured last. */
  #counts: Uint16Array = this.#scratch;
  #base = 0;
  #total = 0;

  constructor(config: SensorConfig["entropy"], rows: number, listener = NOBODY) {
    this.#plan = planSample(config);
    this.#listener = listener;
    this.#pool = new SamplePool(Math.min(Math.ceil(rows * SLOTS_A_ROW), SLOTS_MAX));
    this.#snapshots = new SamplePool(Math.min(Math.ceil(rows * SNAPSHOTS_A_ROW), SNAPSHOTS_MAX));
    const rawBytes = Math.max(this.#plan.sizeBytes, this.#plan.decidedBytes);
    const rawWindows = Math.min(Math.ceil(rows * RAW_WINDOWS_A_ROW), Math.floor(RAW_WINDOWS_MAX_BYTES / rawBytes));
    this.#rawWindows = new RawWindows(rawWindows, rawBytes);
    const directions = 2 * rows;
    this.#state = new Uint8Array(directions);
    this.#flags = new Uint8Array(directions);
    this.#position = new Uint32Array(directions);
    this.#stop = new Uint8Array(directions);
    this.#slot = new Int32Array(directions);
    this.#snapshot = new Int32Array(directions);
    this.#rawWindow = new Int32Array(directions);
    this.#format = new Uint8Array(directions);
    this.#firstPacket = new Uint8Array(directions);
    this.#measuredAt = new Uint32Array(directions);
    this.#randomness = new Float64Array(directions);
    this.#flattest = new Float64Array(directions);
    this.#entropy = new Float64Array(directions);
    this.#pEncrypted = new Float32Array(directions);
    this.#kind = new Uint8Array(directions);
  }

  /** Slots in use, of SLOT_BYTES each. */
  get slotsInUse(): number {
    return this.#pool.inUse + this.#snapshots.inUse;
  }

  get rawWindowsInUse(): number {
    return this.#rawWindows.inUse;
  }

  /** Forgets both directions of a row. */
  clear(row: number): void {
    for (let at = 2 * row; at < 2 * row + 2; at++) {
      this.#giveBack(at);
      this.#state[at] = EMPTY;
      this.#flags[at] = 0;
      this.#position[at] = 0;
      this.#stop[at] = 0;
      this.#format[at] = FORMAT_NONE;
      this.#firstPacket[at] = 0;
      this.#measuredAt[at] = 0;
    }
  }

  /** Takes the payload that comes next in a direction, `bytes[from]` to `bytes[to - 1]`; `protocol` is the session's, by now. */
  add(at: number, bytes: Uint8Array, from: number, to: number, protocol = PROTOCOL_NONE): void {
    const state = this.#state[at] as number;
    if (state >= JUDGED || from >= to) return;
    if (state === EMPTY && !this.#begin(at, bytes, from, to, protocol)) return;
    let next = from;
    if (this.#state[at] === RAW) next = this.#addRaw(at, bytes, from, to, protocol);
    if (next < to && this.#state[at] === COUNTING) this.#addCounts(at, bytes, next, to, protocol);
  }

  /** Octets of payload seen in a direction, counted only up to the end of the sample. */
  seenBytes(at: number): number {
    return this.#position[at] as number;
  }

  isJudged(at: number): boolean {
    return this.#state[at] === JUDGED;
  }

  format(at: number): Format {
    if (this.#state[at] !== RAW) return this.#format[at] as number;
    const from = (this.#slot[at] as number) * SLOT_BYTES;
    return recogniseFormat(this.#pool.raw, from, from + (this.#position[at] as number));
  }

  /** Of the sample as it is by now; null while it is shorter than 64 octets. */
  randomness(at: number): number | null {
    return this.#measure(at) ? nullOfNaN(this.#randomness[at] as number) : null;
  }

  /** The least of the windows that are complete, and of the sample. */
  flattestRandomness(at: number): number | null {
    if (!this.#measure(at)) return null;
    const isDone = ((this.#flags[at] as number) & FIRST_DONE) !== 0;
    return nullOfNaN((isDone ? this.#flattest[at] : this.#randomness[at]) as number);
  }

  /** Bits a byte; null without payload. */
  entropy(at: number): number | null {
    return this.#measure(at) ? (this.#entropy[at] as number) : null;
  }

  /**
   * All that is known of a direction; undefined without a sample. Histogram and window are views of memory that the next
   * call of the sampler may change.
   */
  evidence(at: number, protocol: number): Evidence | undefined {
    this.#measuredAt[at] = 0; // so that the histogram is looked up
    if (!this.#measure(at)) return undefined;
    return this.#describe(at, protocol);
  }

  /** The judgement of a direction; undefined without a sample. */
  verdict(at: number, protocol: number): Verdict | undefined {
    if (((this.#flags[at] as number) & VERDICT_KNOWN) !== 0 && protocol === PROTOCOL_NONE)
      return { pEncrypted: this.#pEncrypted[at] as number, kind: KINDS[this.#kind[at] as number] ?? "unknown" };
    const evidence = this.evidence(at, protocol);
    return evidence === undefined ? undefined : judge(evidence);
  }

  #begin(at: number, bytes: Uint8Array, from: number, to: number, protocol: number): boolean {
    const slot = this.#pool.take();
    this.#slot[at] = slot;
    this.#state[at] = slot === NO_SLOT ? SKIPPED : RAW;
    if (slot === NO_SLOT) this.skipped++;
    else if (protocol === PROTOCOL_NONE) this.#firstPacket[at] = describeFirstPacket(bytes, from, to);
    return slot !== NO_SLOT;
  }

  /** What belongs to the head; returns where the rest begins. A head that comes in one piece is not copied. */
  #addRaw(at: number, bytes: Uint8Array, from: number, to: number, protocol: number): number {
    const { headBytes, offsetBytes, sizeBytes, stops } = this.#plan;
    let position = this.#position[at] as number;
    const isWhole = position === 0 && to - from >= headBytes && headBytes < offsetBytes + sizeBytes;
    const source = isWhole ? bytes : this.#pool.raw;
    const sourceAt = isWhole ? from : (this.#slot[at] as number) * SLOT_BYTES;
    let next = from;
    while (next < to && this.#state[at] === RAW) {
      const stop = stops[this.#stop[at] as number] as number;
      const end = Math.min(to, next + stop - position);
      if (!isWhole) for (let i = next, put = sourceAt + position; i < end; i++) source[put++] = bytes[i] as number;
      position += end - next;
      next = end;
      this.#position[at] = position;
      if (position !== stop) continue;
      this.#stop[at] = (this.#stop[at] as number) + 1;
      this.#reachRaw(at, position, source, sourceAt, protocol);
    }
    return next;
  }

  #addCounts(at: number, bytes: Uint8Array, from: number, to: number, protocol: number): void {
    const { stops } = this.#plan;
    const { counts } = this.#pool;
    let position = this.#position[at] as number;
    let next = from;
    while (next < to && this.#state[at] === COUNTING) {
      const stop = stops[this.#stop[at] as number] as number;
      const end = Math.min(to, next + stop - position);
      countBytes(counts, (this.#slot[at] as number) * BYTE_VALUES, bytes, next, end);
      if (this.#rawWindow[at] !== NO_SLOT) this.#putRaw(at, position, bytes, next, end);
      position += end - next;
      next = end;
      this.#position[at] = position;
      if (position !== stop) continue;
      this.#stop[at] = (this.#stop[at] as number) + 1;
      this.#reachCounts(at, position, protocol);
    }
  }

  /** A stop within the head, whose octets are `source[sourceAt]` and on. */
  #reachRaw(at: number, position: number, source: Uint8Array, sourceAt: number, protocol: number): void {
    const { sizeBytes, decidedBytes, headBytes } = this.#plan;
    if (this.#isWanted(position, protocol)) {
      this.#countRange(source, sourceAt, sourceAt + position);
      this.#listener.checkpoint(at, position, entropyBitsPerByte(this.#scratch, 0, position));
    }
    if (position === sizeBytes && position < decidedBytes) {
      this.#countRange(source, sourceAt, sourceAt + position);
      this.#setSample(at, this.#scratch, 0, position);
    }
    if (position === headBytes) this.#format[at] = recogniseFormat(source, sourceAt, sourceAt + headBytes);
    const start = windowStart(this.#plan, position - 1);
    if (start >= 0 && position === start + sizeBytes) {
      this.#countRange(source, sourceAt + start, sourceAt + position);
      if (this.#endWindow(at, position, protocol)) return;
    }
    if (position === headBytes) this.#turnIntoCounts(at, source, sourceAt, protocol);
  }

  /** The head is full, and not the whole sample: from here on octets are counted. */
  #turnIntoCounts(at: number, source: Uint8Array, sourceAt: number, protocol: number): void {
    const { headBytes, offsetBytes, decidedBytes, sizeBytes } = this.#plan;
    const isFirstDone = ((this.#flags[at] as number) & FIRST_DONE) !== 0;
    if (this.#format[at] === FORMAT_NONE && protocol === PROTOCOL_NONE) {
      const rawWindow = this.#rawWindows.take();
      this.#rawWindow[at] = rawWindow;
      if (rawWindow === NO_SLOT) this.rawSkipped++;
      else this.#rawWindows.put(rawWindow, 0, source, sourceAt, sourceAt + headBytes);
      if (rawWindow !== NO_SLOT && headBytes >= decidedBytes) this.#rawWindows.shift(rawWindow, offsetBytes, headBytes);
    }
    const start = windowStart(this.#plan, headBytes);
    let countedFrom = 0;
    if (start > 0) {
      this.#countRange(source, sourceAt, sourceAt + start);
      if (!this.#putAside(at, this.#scratch, 0)) {
        countedFrom = start;
        if (!isFirstDone && headBytes < decidedBytes) this.#setSample(at, this.#scratch, 0, Math.min(start, sizeBytes));
      }
    }
    this.#countRange(source, sourceAt + countedFrom, sourceAt + headBytes);
    this.#pool.counts.set(this.#scratch, (this.#slot[at] as number) * BYTE_VALUES);
    this.#state[at] = COUNTING;
  }

  /** A stop behind the head. */
  #reachCounts(at: number, position: number, protocol: number): void {
    const { sizeBytes, offsetBytes, decidedBytes } = this.#plan;
    const { counts } = this.#pool;
    const base = (this.#slot[at] as number) * BYTE_VALUES;
    const isCut = ((this.#flags[at] as number) & CUT) !== 0;
    if (!isCut && this.#isWanted(position, protocol))
      this.#listener.checkpoint(at, position, entropyBitsPerByte(counts, base, position));
    if (!isCut && position === sizeBytes && position < decidedBytes) this.#setSample(at, counts, base, position);
    const start = windowStart(this.#plan, position - 1);
    if (start >= 0 && position === start + sizeBytes) {
      this.#subtract(at);
      if (this.#endWindow(at, position, protocol)) return;
      if (!this.#putAside(at, counts, base)) counts.fill(0, base, base + BYTE_VALUES);
    } else if (position === offsetBytes) {
      if (!this.#putAside(at, counts, base)) {
        if (position < sizeBytes) this.#setSample(at, counts, base, position);
        counts.fill(0, base, base + BYTE_VALUES);
      }
    }
    const rawWindow = this.#rawWindow[at] as number;
    if (position === decidedBytes && rawWindow !== NO_SLOT) this.#rawWindows.shift(rawWindow, offsetBytes, position);
  }

  /** The window in the scratch counts is complete; true when nothing more is wanted. */
  #endWindow(at: number, position: number, protocol: number): boolean {
    const { sizeBytes, endBytes } = this.#plan;
    const flags = this.#flags[at] as number;
    if ((flags & FIRST_DONE) === 0) {
      this.#setSample(at, this.#scratch, 0, sizeBytes);
      this.#flags[at] = flags | FIRST_DONE;
      this.#flattest[at] = this.#randomness[at] as number;
    } else {
      const value = randomness(this.#scratch, 0, sizeBytes) ?? Number.NaN;
      if (value < (this.#flattest[at] as number)) this.#flattest[at] = value;
      this.#total = 0;
    }
    if (position < endBytes && protocol === PROTOCOL_NONE) return false;
    this.#finish(at, protocol);
    return true;
  }

  /** The first window, or the last that was wanted, is complete: judges while all is at hand, and gives the memory back. */
  #finish(at: number, protocol: number): void {
    this.#measuredAt[at] = this.#position[at] as number;
    if (this.#state[at] === RAW) this.#format[at] = this.format(at);
    if (protocol === PROTOCOL_NONE) {
      const { pEncrypted, kind } = judge(this.#describe(at, protocol));
      this.#pEncrypted[at] = pEncrypted;
      this.#kind[at] = KINDS.indexOf(kind);
      this.#flags[at] = (this.#flags[at] as number) | VERDICT_KNOWN;
    }
    this.#giveBack(at);
    this.#state[at] = JUDGED;
    this.#listener.judged(at);
  }

  #isWanted(position: number, protocol: number): boolean {
    const order = 31 - Math.clz32(position) - CHECKPOINT_LEAST_ORDER;
    if (order < 0 || (position & (position - 1)) !== 0) return false;
    return (((this.#listener.checkpoints[protocol] as number) >> order) & 1) === 1;
  }

  /** Keeps the counts of what comes before a window; false when it can't, and the counts are to begin anew. */
  #putAside(at: number, counts: Uint16Array, base: number): boolean {
    const flags = this.#flags[at] as number;
    if ((flags & CUT) !== 0) return false;
    const snapshot = (this.#snapshot[at] as number) || this.#snapshots.take();
    this.#snapshot[at] = snapshot;
    if (snapshot === NO_SLOT) {
      this.#flags[at] = flags | CUT;
      this.cut++;
      return false;
    }
    const target = this.#snapshots.counts;
    const targetBase = snapshot * BYTE_VALUES;
    for (let i = 0; i < BYTE_VALUES; i++) target[targetBase + i] = counts[base + i] as number;
    return true;
  }

  /** Into the scratch counts: those of the window at hand. */
  #subtract(at: number): void {
    const { counts } = this.#pool;
    const base = (this.#slot[at] as number) * BYTE_VALUES;
    const before = this.#snapshots.counts;
    const beforeBase = (this.#snapshot[at] as number) * BYTE_VALUES; // of slot 0 all are 0
    for (let i = 0; i < BYTE_VALUES; i++)
      this.#scratch[i] = (counts[base + i] as number) - (before[beforeBase + i] as number);
  }

  #countRange(bytes: Uint8Array, from: number, to: number): void {
    this.#scratch.fill(0);
    countBytes(this.#scratch, 0, bytes, from, to);
  }

  /** Measures the sample as it is by now; false when there is none. */
  #measure(at: number): boolean {
    const state = this.#state[at] as number;
    if (state === EMPTY || state === SKIPPED) return false;
    const position = this.#position[at] as number;
    if (this.#measuredAt[at] === position) return true;
    this.#measuredAt[at] = position;
    this.#total = 0;
    const flags = this.#flags[at] as number;
    if ((flags & FIRST_DONE) !== 0) return true;
    const { sizeBytes, offsetBytes, decidedBytes } = this.#plan;
    const start = position >= decidedBytes ? offsetBytes : 0;
    const length = Math.min(position - start, sizeBytes);
    if (state === RAW) {
      const rawAt = (this.#slot[at] as number) * SLOT_BYTES + start;
      this.#countRange(this.#pool.raw, rawAt, rawAt + length);
      this.#setSample(at, this.#scratch, 0, length);
    } else if (position >= decidedBytes) {
      this.#subtract(at);
      this.#setSample(at, this.#scratch, 0, length);
    } else if (position <= sizeBytes && (flags & CUT) === 0) {
      this.#setSample(at, this.#pool.counts, (this.#slot[at] as number) * BYTE_VALUES, length);
    }
    return true;
  }

  #setSample(at: number, counts: Uint16Array, base: number, total: number): void {
    this.#counts = counts;
    this.#base = base;
    this.#total = total;
    this.#randomness[at] = randomness(counts, base, total) ?? Number.NaN;
    this.#entropy[at] = entropyBitsPerByte(counts, base, total);
  }

  /** The sample is measured, and where it lies is known unless `#total` is 0. */
  #describe(at: number, protocol: number): Evidence {
    const format = this.format(at);
    const isUnknown = protocol === PROTOCOL_NONE && format === FORMAT_NONE;
    const raw = isUnknown ? this.#rawSample(at) : undefined;
    if (this.#total === 0 && raw !== undefined) {
      this.#countRange(raw, 0, raw.length);
      this.#counts = this.#scratch;
      this.#base = 0;
      this.#total = raw.length;
    }
    return {
      randomness: nullOfNaN(this.#randomness[at] as number),
      entropyBitsPerByte: this.#entropy[at] as number,
      counts: this.#total === 0 ? undefined : this.#counts,
      base: this.#base,
      total: this.#total,
      format,
      protocol: PROTOCOLS[protocol],
      firstPacket: this.#firstPacket[at] as number,
      window: raw?.subarray(0, WINDOW_BYTES),
      flattestRandomness: this.flattestRandomness(at),
    };
  }

  /** The octets of the sample, where they are kept. */
  #rawSample(at: number): Uint8Array | undefined {
    const { sizeBytes, offsetBytes, decidedBytes } = this.#plan;
    const position = this.#position[at] as number;
    const start = position >= decidedBytes ? offsetBytes : 0;
    const length = Math.min(position - start, sizeBytes);
    if (this.#state[at] === RAW) {
      const from = (this.#slot[at] as number) * SLOT_BYTES + start;
      return this.#pool.raw.subarray(from, from + length);
    }
    const rawWindow = this.#rawWindow[at] as number;
    if (rawWindow === NO_SLOT) return undefined;
    const from = this.#rawWindows.offsetOf(rawWindow);
    return this.#rawWindows.bytes.subarray(from, from + length);
  }

  #putRaw(at: number, position: number, bytes: Uint8Array, from: number, to: number): void {
    const { offsetBytes, decidedBytes } = this.#plan;
    const place = position >= decidedBytes ? position - offsetBytes : position;
    this.#rawWindows.put(this.#rawWindow[at] as number, place, bytes, from, to);
  }

  #giveBack(at: number): void {
    this.#pool.give(this.#slot[at] as number);
    this.#snapshots.give(this.#snapshot[at] as number);
    this.#rawWindows.give(this.#rawWindow[at] as number);
    this.#slot[at] = NO_SLOT;
    this.#snapshot[at] = NO_SLOT;
    this.#rawWindow[at] = NO_SLOT;
  }
}

function nullOfNaN(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

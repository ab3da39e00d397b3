import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import { BYTE_VALUES, clearCounts, countBytes } from "../entropy/histogram.ts";
import { randomness } from "../entropy/randomness.ts";
import { FORMAT_NONE, type Format, recogniseFormat } from "../entropy/recognise-format.ts";
import { entropyBitsPerByte } from "../entropy/shannon.ts";
import { NO_SLOT, SamplePool, SLOT_BYTES } from "./sample-pool.ts";

/** Counts are of 16 bits. */
const SAMPLE_MAX_BYTES = 65_535;
/** Slots are reserved for all directions up to this many: most sessions don't use theirs at the same time. */
const SLOTS_MAX = 500_000;

const EMPTY = 0;
const SAMPLING = 1;
/** Randomness and entropy are known, the memory is given back. */
const MEASURED = 2;
/** No slot was free. */
const SKIPPED = 3;

/**
 * The payload sample of each direction: `sampleBytes` from `offsetBytes` on where at least `leastRestBytes` follow that, else from
 * the start. Which of the two it will be is known only when `offsetBytes + leastRestBytes` octets have come. Until then
 * the octets themselves are kept when they fit a slot, and turned into a histogram of the part that counts after that; where
 * they don't fit, two histograms are kept, one of each candidate. A direction is `2 * row + side`.
 */
export class Sampler {
  /** Directions whose payload could not be sampled: no slot was free. */
  skipped = 0;
  readonly #size: number;
  readonly #offset: number;
  /** Octets after which the sample is the one from the offset on. */
  readonly #decided: number;
  /** Octets kept as they are, at most `#decided`. */
  readonly #head: number;
  /** Octets after which nothing more is wanted. */
  readonly #enough: number;
  readonly #pool: SamplePool;
  readonly #state: Uint8Array;
  /** Payload octets seen, up to `#enough`. */
  readonly #position: Uint32Array;
  /** Raw octets while the position is below `#head`, then the histogram from the offset on. */
  readonly #slot: Int32Array;
  /** Histogram from the start on, while that is possible and `#head` is short of `#decided`. */
  readonly #startSlot: Int32Array;
  readonly #format: Uint8Array;
  /** NaN where the sample is too short. */
  readonly #randomness: Float64Array;
  readonly #entropy: Float64Array;
  readonly #scratch = new Uint16Array(BYTE_VALUES);

  constructor(config: SensorConfig["entropy"], rows: number) {
    this.#size = Math.min(config.sampleBytes, SAMPLE_MAX_BYTES);
    this.#offset = config.offsetBytes;
    this.#decided = config.offsetBytes + config.leastRestBytes;
    this.#head = Math.min(this.#decided, SLOT_BYTES);
    this.#enough = Math.max(this.#decided, this.#offset + this.#size);
    this.#pool = new SamplePool(Math.min(2 * rows, SLOTS_MAX));
    this.#state = new Uint8Array(2 * rows);
    this.#position = new Uint32Array(2 * rows);
    this.#slot = new Int32Array(2 * rows);
    this.#startSlot = new Int32Array(2 * rows);
    this.#format = new Uint8Array(2 * rows);
    this.#randomness = new Float64Array(2 * rows);
    this.#entropy = new Float64Array(2 * rows);
  }

  /** Slots in use, of SLOT_BYTES each. */
  get slotsInUse(): number {
    return this.#pool.inUse;
  }

  /** Forgets both directions of a row. */
  clear(row: number): void {
    for (let at = 2 * row; at < 2 * row + 2; at++) {
      this.#giveBack(at);
      this.#state[at] = EMPTY;
      this.#position[at] = 0;
      this.#format[at] = FORMAT_NONE;
    }
  }

  /** Takes the payload that comes next in a direction, `bytes[from]` to `bytes[to - 1]`. */
  add(at: number, bytes: Uint8Array, from: number, to: number): void {
    const state = this.#state[at] as number;
    if (state >= MEASURED || from >= to) return;
    if (state === EMPTY && !this.#begin(at)) return;
    const position = this.#position[at] as number;
    const headEnd = Math.min(to, from + Math.max(0, this.#head - position));
    if (headEnd > from) {
      this.#keepRaw(at, position, bytes, from, headEnd);
      if (position + headEnd - from === this.#head && !this.#turnIntoCounts(at)) return;
    }
    const counted = position + headEnd - from;
    if (headEnd < to) this.#count(at, counted, bytes, headEnd, to);
    const after = Math.min(counted + to - headEnd, this.#enough);
    this.#position[at] = after;
    if (after === this.#enough) this.#finish(at);
  }

  /** Octets of payload seen in a direction, counted only up to the end of the sample. */
  seenBytes(at: number): number {
    return this.#position[at] as number;
  }

  format(at: number): Format {
    const position = this.#position[at] as number;
    if (this.#state[at] !== SAMPLING || position >= this.#head) return this.#format[at] as number;
    const from = (this.#slot[at] as number) * SLOT_BYTES;
    return recogniseFormat(this.#pool.raw, from, from + position);
  }

  /** Of the sample as it is by now; null while it is shorter than 64 octets. */
  randomness(at: number): number | null {
    if (this.#state[at] === SAMPLING) this.#measure(at);
    else if (this.#state[at] !== MEASURED) return null;
    const value = this.#randomness[at] as number;
    return Number.isNaN(value) ? null : value;
  }

  /** Bits a byte; null without payload. */
  entropy(at: number): number | null {
    if (this.#state[at] === SAMPLING) this.#measure(at);
    else if (this.#state[at] !== MEASURED) return null;
    return this.#entropy[at] as number;
  }

  #begin(at: number): boolean {
    const slot = this.#pool.take();
    this.#slot[at] = slot;
    this.#state[at] = slot === NO_SLOT ? SKIPPED : SAMPLING;
    if (slot === NO_SLOT) this.skipped++;
    return slot !== NO_SLOT;
  }

  #keepRaw(at: number, position: number, bytes: Uint8Array, from: number, to: number): void {
    const raw = this.#pool.raw;
    let target = (this.#slot[at] as number) * SLOT_BYTES + position;
    for (let i = from; i < to; i++) raw[target++] = bytes[i] as number;
  }

  /** The head is full: recognises its format, and turns it into the histograms that it belongs to. */
  #turnIntoCounts(at: number): boolean {
    const { raw, counts } = this.#pool;
    const slot = this.#slot[at] as number;
    const rawAt = slot * SLOT_BYTES;
    this.#format[at] = recogniseFormat(raw, rawAt, rawAt + this.#head);
    if (this.#head < this.#decided) {
      const startSlot = this.#pool.take();
      if (startSlot === NO_SLOT) {
        this.#giveBack(at);
        this.#state[at] = SKIPPED;
        this.skipped++;
        return false;
      }
      this.#startSlot[at] = startSlot;
      clearCounts(counts, startSlot * BYTE_VALUES);
      countBytes(counts, startSlot * BYTE_VALUES, raw, rawAt, rawAt + Math.min(this.#head, this.#size));
    }
    this.#scratch.fill(0);
    const first = Math.min(this.#offset, this.#head);
    const last = Math.min(this.#head, this.#offset + this.#size);
    countBytes(this.#scratch, 0, raw, rawAt + first, rawAt + last);
    counts.set(this.#scratch, slot * BYTE_VALUES);
    return true;
  }

  /** Counts what lies beyond the head; `position` is that of `bytes[from]`. */
  #count(at: number, position: number, bytes: Uint8Array, from: number, to: number): void {
    const counts = this.#pool.counts;
    const end = position + to - from;
    const startSlot = this.#startSlot[at] as number;
    if (startSlot !== NO_SLOT) {
      if (end >= this.#decided) {
        this.#pool.give(startSlot);
        this.#startSlot[at] = NO_SLOT;
      } else countBytes(counts, startSlot * BYTE_VALUES, bytes, from, from + Math.min(end, this.#size) - position);
    }
    const first = Math.max(position, this.#offset);
    const last = Math.min(end, this.#offset + this.#size);
    countBytes(
      counts,
      (this.#slot[at] as number) * BYTE_VALUES,
      bytes,
      from + first - position,
      from + last - position,
    );
  }

  #finish(at: number): void {
    this.#measure(at);
    this.#state[at] = MEASURED;
    this.#giveBack(at);
  }

  #measure(at: number): void {
    const position = this.#position[at] as number;
    const slot = this.#slot[at] as number;
    if (position < this.#head) {
      const length = Math.min(position, this.#size);
      this.#scratch.fill(0);
      countBytes(this.#scratch, 0, this.#pool.raw, slot * SLOT_BYTES, slot * SLOT_BYTES + length);
      this.#setMeasures(at, this.#scratch, 0, length);
    } else if (position < this.#decided) {
      const length = Math.min(position, this.#size);
      this.#setMeasures(at, this.#pool.counts, (this.#startSlot[at] as number) * BYTE_VALUES, length);
    } else {
      const length = Math.min(position - this.#offset, this.#size);
      this.#setMeasures(at, this.#pool.counts, slot * BYTE_VALUES, length);
    }
  }

  #setMeasures(at: number, counts: Uint16Array, base: number, total: number): void {
    this.#randomness[at] = randomness(counts, base, total) ?? Number.NaN;
    this.#entropy[at] = entropyBitsPerByte(counts, base, total);
  }

  #giveBack(at: number): void {
    this.#pool.give(this.#slot[at] as number);
    this.#pool.give(this.#startSlot[at] as number);
    this.#slot[at] = NO_SLOT;
    this.#startSlot[at] = NO_SLOT;
  }
}

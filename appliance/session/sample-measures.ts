import type { CumulativeEntropy } from "../entropy/entropy-profile.ts";
import type { Counts } from "../entropy/histogram.ts";
import { randomness } from "../entropy/randomness.ts";
import type { Format } from "../entropy/recognise-format.ts";
import { entropyBitsPerByte } from "../entropy/shannon.ts";
import type { Evidence } from "../entropy/verdict.ts";

/** Numbers of a direction (float64): NaN where the sample is too short. */
const RANDOMNESS = 0;
/** Randomness of the flattest window. */
const FLATTEST = 1;
const ENTROPY = 2;
/** NaN where there was no raw window, or too short a one. */
const ODDS = 3;
/** The first of one for each checkpoint: the entropy of all octets so far. */
const CUMULATIVE = 4;

/** What was measured of the sample of each direction, as rows of numbers. Those of a direction count from `begin` on. */
export class SampleMeasures {
  /** Octets after which the cumulative entropy is noted. */
  readonly #checkpoints: readonly number[];
  readonly #numbers: Float64Array;
  readonly #stride: number;

  constructor(checkpoints: readonly number[], directions: number) {
    this.#checkpoints = checkpoints;
    this.#stride = CUMULATIVE + checkpoints.length;
    this.#numbers = new Float64Array(directions * this.#stride);
  }

  begin(at: number): void {
    this.#numbers[at * this.#stride + ODDS] = Number.NaN;
  }

  /** The sample is `total` octets with these counts. */
  setSample(at: number, counts: Counts, total: number): void {
    const numbers = this.#numbers;
    const number = at * this.#stride;
    const value = randomness(counts, 0, total) ?? Number.NaN;
    numbers[number + RANDOMNESS] = value;
    numbers[number + FLATTEST] = value;
    numbers[number + ENTROPY] = entropyBitsPerByte(counts, 0, total);
  }

  /** Another window. */
  addWindow(at: number, counts: Counts, total: number): void {
    const flattest = at * this.#stride + FLATTEST;
    const value = randomness(counts, 0, total) as number;
    if (value < (this.#numbers[flattest] as number)) this.#numbers[flattest] = value;
  }

  setOdds(at: number, odds: number): void {
    this.#numbers[at * this.#stride + ODDS] = odds;
  }

  /** `octets`, which is a checkpoint, have come, with these counts. */
  noteCheckpoint(at: number, counts: Counts, octets: number): void {
    const index = at * this.#stride + CUMULATIVE + this.#checkpoints.indexOf(octets);
    this.#numbers[index] = entropyBitsPerByte(counts, 0, octets);
  }

  randomness(at: number): number {
    return this.#numbers[at * this.#stride + RANDOMNESS] as number;
  }

  flattest(at: number): number {
    return this.#numbers[at * this.#stride + FLATTEST] as number;
  }

  evidence(at: number, format: Format, windowFormat: Format): Evidence {
    const numbers = this.#numbers;
    const number = at * this.#stride;
    return {
      randomness: numberOrNull(numbers[number + RANDOMNESS] as number),
      flattest: numberOrNull(numbers[number + FLATTEST] as number),
      entropyBitsPerByte: numbers[number + ENTROPY] as number,
      format,
      windowFormat,
      odds: numberOrNull(numbers[number + ODDS] as number),
    };
  }

  /** Entropy of all octets up to each checkpoint within `octets`, and up to the last of them where they are the sample. */
  cumulative(at: number, octets: number, areSample: boolean): readonly CumulativeEntropy[] {
    const numbers = this.#numbers;
    const number = at * this.#stride;
    const points: CumulativeEntropy[] = [];
    for (const checkpoint of this.#checkpoints) {
      if (checkpoint > octets) break;
      points.push({ octets: checkpoint, bitsPerByte: numbers[number + CUMULATIVE + points.length] as number });
    }
    if (areSample && octets !== points.at(-1)?.octets)
      points.push({ octets, bitsPerByte: numbers[number + ENTROPY] as number });
    return points;
  }
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

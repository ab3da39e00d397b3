import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SeededRandom } from "../support/seeded-random.ts";
import type { Blackboard } from "./blackboard.ts";
import { Coverage, isUnderTest, type Span } from "./coverage.ts";
import { INPUT_MAX_BYTES, mutateOctets, pick } from "./mutate.ts";
import type { Target } from "./target.ts";

/** Inputs between two looks at the coverage: as many as take longer than the look itself does. */
const BATCH_MIN = 32;
const BATCH_MAX = 4096;
/** New state for the target after so many inputs: one is to fail by itself. */
const INPUTS_OF_STATE = 1024;
const MEMORY_CHECK_MS = 5_000;
/** Memory after a collection may grow by this over the first check, beside the corpus. */
const GROWTH_MAX_BYTES = 96 * 1024 * 1024;

export interface Progress {
  readonly runs: number;
  readonly corpus: number;
  /** Characters of the code under test that ran. */
  readonly covered: number;
  readonly memoryBytes: number;
}

export interface Failure {
  readonly why: string;
  /** The last is the one that failed; those before it were run on the same state. */
  readonly inputs: readonly Uint8Array[];
}

export interface FuzzOptions {
  readonly seed: number;
  readonly corpus: readonly Uint8Array[];
  /** Whichever comes first. */
  readonly runsMax: number;
  readonly timeMs: number;
  readonly blackboard: Blackboard;
  /** An input that reached what none before it had. */
  found(input: Uint8Array): void;
  progress(progress: Progress): void;
}

/**
 * Mutates what reached new code until it reaches no more: AFL's loop, over V8's block coverage. (Fuzzers from npm are
 * libFuzzer in an addon that is built for newer systems than those that we support.)
 */
export class Fuzzer {
  readonly #target: Target;
  readonly #options: FuzzOptions;
  readonly #random: SeededRandom;
  readonly #coverage = new Coverage(isUnderTest);
  readonly #corpus: Uint8Array[] = [];
  readonly #dictionary: readonly Uint8Array[];
  #take: (input: Uint8Array) => void;
  /** Run since the state was new. */
  #history: Uint8Array[] = [];
  #runs = 0;
  #batchSize = BATCH_MIN;
  #firstMemoryBytes: number | undefined;

  constructor(target: Target, options: FuzzOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#dictionary = (target.dictionary ?? []).map((text) => new Uint8Array(Buffer.from(text, "latin1")));
    this.#take = target.start();
  }

  /** Until time or runs are over, or something is wrong. */
  run(): Failure | undefined {
    const { timeMs, runsMax } = this.#options;
    const end = performance.now() + timeMs;
    let memoryCheck = performance.now() + MEMORY_CHECK_MS;
    const seeds = [...this.#target.seeds(), ...this.#options.corpus];
    const failed = this.#batch(seeds.length > 0 ? seeds : [new Uint8Array(64)]);
    if (failed !== undefined) return failed;
    if (this.#corpus.length === 0) this.#corpus.push(new Uint8Array(64));
    while (performance.now() < end && this.#runs < runsMax) {
      if (this.#history.length > INPUTS_OF_STATE) this.#renew();
      const failure = this.#batch(Array.from({ length: this.#batchSize }, () => this.#mutant()));
      if (failure !== undefined) return failure;
      if (performance.now() < memoryCheck) continue;
      memoryCheck = performance.now() + MEMORY_CHECK_MS;
      const grown = this.#checkMemory();
      if (grown !== undefined) return grown;
    }
    this.#checkMemory();
    return undefined;
  }

  #renew(): void {
    this.#take = this.#target.start();
    this.#history = [];
  }

  #mutant(): Uint8Array {
    const random = this.#random;
    const input = pick(this.#corpus, random);
    const mutant = this.#target.mutate?.(input, random) ?? mutateOctets(input, random, this.#dictionary);
    if (random.below(10) > 0) return mutant.subarray(0, INPUT_MAX_BYTES);
    // two halves that were good by themselves
    const other = pick(this.#corpus, random);
    const half = mutant.subarray(0, random.below(mutant.length + 1));
    const joined = new Uint8Array(half.length + other.length);
    joined.set(half);
    joined.set(other, half.length);
    return joined.subarray(0, INPUT_MAX_BYTES);
  }

  /** Runs all; where code was reached that is new, looks for those that did it. */
  #batch(inputs: readonly Uint8Array[]): Failure | undefined {
    const began = performance.now();
    const failure = this.#runAll(inputs);
    if (failure !== undefined) return failure;
    const ran = performance.now();
    const fresh = this.#coverage.takeNew();
    this.#batchSize = nextBatchSize(this.#batchSize, ran - began, performance.now() - ran);
    return fresh.length === 0 ? undefined : this.#search(inputs, fresh);
  }

  /** Halves what reached `fresh` until single inputs are left. */
  #search(inputs: readonly Uint8Array[], fresh: readonly Span[]): Failure | undefined {
    if (inputs.length === 1) {
      this.#coverage.remember(fresh);
      this.#corpus.push(inputs[0] as Uint8Array);
      this.#options.found(inputs[0] as Uint8Array);
      return undefined;
    }
    const middle = inputs.length >> 1;
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      this.#coverage.reset();
      const failed = this.#runAll(half);
      if (failed !== undefined) return failed;
      const reached = this.#coverage.takeNew();
      const failure = reached.length === 0 ? undefined : this.#search(half, reached);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  #runAll(inputs: readonly Uint8Array[]): Failure | undefined {
    for (const input of inputs) {
      const failure = this.#runOne(input);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  #runOne(input: Uint8Array): Failure | undefined {
    this.#runs++;
    this.#history.push(input);
    this.#options.blackboard.write(input);
    try {
      this.#take(input);
      return undefined;
    } catch (error) {
      return { why: error instanceof Error ? (error.stack ?? error.message) : String(error), inputs: this.#history };
    }
  }

  #checkMemory(): Failure | undefined {
    const memoryBytes = memoryAfterCollection();
    this.#options.progress({
      runs: this.#runs,
      corpus: this.#corpus.length,
      covered: this.#coverage.size,
      memoryBytes,
    });
    this.#firstMemoryBytes ??= memoryBytes;
    const corpusBytes = this.#corpus.reduce((sum, input) => sum + input.length, 0);
    const historyBytes = this.#history.reduce((sum, input) => sum + input.length, 0);
    const grownBytes = memoryBytes - this.#firstMemoryBytes - corpusBytes - historyBytes;
    if (grownBytes <= GROWTH_MAX_BYTES) return undefined;
    return { why: `memory grew by ${grownBytes} octets over ${this.#runs} inputs`, inputs: this.#history };
  }
}

function nextBatchSize(size: number, runMs: number, lookMs: number): number {
  if (runMs < 2 * lookMs) return Math.min(BATCH_MAX, size * 2);
  return runMs > 8 * lookMs ? Math.max(BATCH_MIN, size >> 1) : size;
}

function memoryAfterCollection(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

import { INPUT_MAX_BYTES } from "./mutate.ts";

const TICKS = 0;
const LENGTH = 1;
const HEADER_BYTES = 8;

/** The input that is being run, where the thread that watches sees it even when the one that runs hangs. */
export class Blackboard {
  readonly memory: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #octets: Uint8Array;

  constructor(memory = new SharedArrayBuffer(HEADER_BYTES + INPUT_MAX_BYTES)) {
    this.memory = memory;
    this.#header = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.#octets = new Uint8Array(memory, HEADER_BYTES);
  }

  /** Inputs that were begun. */
  get ticks(): number {
    return Atomics.load(this.#header, TICKS);
  }

  write(input: Uint8Array): void {
    this.#octets.set(input);
    Atomics.store(this.#header, LENGTH, input.length);
    Atomics.add(this.#header, TICKS, 1);
  }

  read(): Uint8Array {
    return this.#octets.slice(0, Atomics.load(this.#header, LENGTH));
  }
}

import type { Allowance } from "../decode/reader-budget.ts";

const FIRST_BYTES = 512;
const EMPTY = new Uint8Array(0);

/** Octets of a header block that comes in several parts, up to a limit. */
export class BlockBuffer {
  bytes: Uint8Array = EMPTY;
  length = 0;
  /** More came than it takes. */
  isCut = false;
  readonly #maxBytes: number;
  readonly #allowance: Allowance;

  constructor(maxBytes: number, allowance: Allowance) {
    this.#maxBytes = maxBytes;
    this.#allowance = allowance;
  }

  append(bytes: Uint8Array, from: number, to: number): void {
    let count = Math.min(to - from, this.#maxBytes - this.length);
    if (this.length + count > this.bytes.length && !this.#grow(this.length + count))
      count = this.bytes.length - this.length;
    if (count < to - from) this.isCut = true;
    for (let i = 0; i < count; i++) this.bytes[this.length + i] = bytes[from + i] as number;
    this.length += count;
  }

  /** Takes the last `count` octets away. */
  drop(count: number): void {
    this.length = Math.max(0, this.length - count);
  }

  clear(): void {
    this.#allowance.give(this.bytes.length);
    this.bytes = EMPTY;
    this.length = 0;
    this.isCut = false;
  }

  #grow(length: number): boolean {
    let size = Math.max(FIRST_BYTES, this.bytes.length);
    while (size < length) size *= 2;
    size = Math.min(size, this.#maxBytes);
    if (!this.#allowance.take(size - this.bytes.length)) return false;
    const grown = new Uint8Array(size);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    return true;
  }
}

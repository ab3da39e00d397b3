import type { Allowance } from "../decode/reader-budget.ts";

const LF = 0x0a;
const CR = 0x0d;
const FIRST_BYTES = 512;

/** Octets of a message's head that came in several chunks. */
export class HeadBuffer {
  bytes: Uint8Array = EMPTY;
  length = 0;
  /** Behind the first line feed; 0 while there is none. */
  lineEnd = 0;
  /** Behind the empty line; 0 while there is none. */
  end = 0;
  /** It takes no more. */
  isFull = false;
  readonly #allowance: Allowance;
  #scanned = 0;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** Takes what it has room for, up to `maxBytes` in all; looks for the end of the head. */
  append(bytes: Uint8Array, from: number, to: number, maxBytes: number): void {
    let count = Math.min(to - from, maxBytes - this.length);
    if (this.length + count > this.bytes.length && !this.#grow(this.length + count, maxBytes)) {
      count = this.bytes.length - this.length;
      this.isFull = true;
    }
    for (let i = 0; i < count; i++) this.bytes[this.length + i] = bytes[from + i] as number;
    this.length += count;
    this.isFull ||= this.length === maxBytes;
    this.#scan();
  }

  /** Nothing of it is wanted any more. */
  release(): void {
    this.#allowance.give(this.bytes.length);
    this.bytes = EMPTY;
  }

  #grow(length: number, maxBytes: number): boolean {
    let size = Math.max(FIRST_BYTES, this.bytes.length);
    while (size < length) size *= 2;
    size = Math.min(size, maxBytes);
    if (!this.#allowance.take(size - this.bytes.length)) return false;
    const grown = new Uint8Array(size);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    return true;
  }

  #scan(): void {
    const { bytes, length } = this;
    for (let at = this.#scanned; at < length && this.end === 0; at++) {
      this.#scanned = at + 1;
      if (bytes[at] !== LF) continue;
      if (this.lineEnd === 0) this.lineEnd = at + 1;
      else if (bytes[at - 1] === LF || (bytes[at - 1] === CR && bytes[at - 2] === LF)) this.end = at + 1;
    }
  }
}

const EMPTY = new Uint8Array(0);

import { isDigit } from "./header-fields.ts";

const LF = 0x0a;
const CR = 0x0d;

/** Digits of a chunk's size: beyond it is no number that any reader agrees on. */
const SIZE_MAX_DIGITS = 12;

type ChunkState = "size" | "extension" | "data" | "dataEnd" | "trailer" | "trailerLine";

/** The body of a message, skipped (RFC 9112, sections 6 and 7). */
export class Body {
  #chunked = false;
  #state: ChunkState = "size";
  #digits = 0;
  /** Octets of the body, or of the chunk, that are to come. */
  #left = 0;
  /** The body is over. */
  over = true;
  /** No chunk stands where one should: where the body ends isn't known. */
  lost = false;

  beginLength(bytes: number): void {
    this.#chunked = false;
    this.#left = bytes;
    this.over = bytes === 0;
    this.lost = false;
  }

  beginChunks(): void {
    this.#chunked = true;
    this.#state = "size";
    this.#digits = 0;
    this.#left = 0;
    this.over = false;
    this.lost = false;
  }

  /** Offset behind what belongs to the body. */
  skip(bytes: Uint8Array, from: number, to: number): number {
    if (!this.#chunked) return this.#take(from, to);
    let at = from;
    while (at < to && !this.over && !this.lost) at = this.#chunk(bytes, at, to);
    return at;
  }

  /** Octets to come that belong to the body for certain. */
  get certainBytes(): number {
    return this.#chunked && this.#state !== "data" ? 0 : this.#left;
  }

  /** `count` octets of those have come. */
  pass(count: number): void {
    this.#take(0, count);
  }

  /** Octets that were never seen. */
  gap(count: number): void {
    if (this.#chunked && this.#state !== "data") this.lost = true;
    else if (count > this.#left) this.lost = true;
    else this.#take(0, count);
  }

  #take(from: number, to: number): number {
    const count = Math.min(this.#left, to - from);
    this.#left -= count;
    if (this.#left === 0) {
      if (this.#chunked) this.#state = "dataEnd";
      else this.over = true;
    }
    return from + count;
  }

  #chunk(bytes: Uint8Array, at: number, to: number): number {
    const octet = bytes[at] as number;
    switch (this.#state) {
      case "size":
        this.#size(octet);
        return this.lost ? at : at + 1;
      case "extension":
        if (octet === LF) this.#sizeEnds();
        return at + 1;
      case "data":
        return this.#take(at, to);
      case "dataEnd":
        if (octet === LF) {
          this.#state = "size";
          this.#digits = 0;
        } else if (octet !== CR) this.lost = true;
        return this.lost ? at : at + 1;
      case "trailer":
        if (octet === LF) this.over = true;
        else if (octet !== CR) this.#state = "trailerLine";
        return at + 1;
      case "trailerLine":
        if (octet === LF) this.#state = "trailer";
        return at + 1;
    }
  }

  #size(octet: number): void {
    const digit = hexDigit(octet);
    if (digit >= 0) {
      this.#left = this.#left * 16 + digit;
      if (++this.#digits > SIZE_MAX_DIGITS) this.lost = true;
    } else if (this.#digits === 0) {
      if (octet !== 0x20) this.lost = true;
    } else if (octet === LF) this.#sizeEnds();
    else if (octet === CR || octet === 0x20 || octet === 0x09 || octet === 0x3b) this.#state = "extension";
    else this.lost = true;
  }

  #sizeEnds(): void {
    this.#state = this.#left === 0 ? "trailer" : "data";
  }
}

function hexDigit(octet: number): number {
  if (isDigit(octet)) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

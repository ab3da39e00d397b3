import type { Allowance } from "../decode/reader-budget.ts";

/** Pieces with holes between them. */
const PIECES_MAX = 128;
const FIRST_BYTES = 2048;
const NOTHING = new Uint8Array(0);

/**
 * Puts pieces of one stream or message in order (CRYPTO frames of QUIC, RFC 9000, section 19.6; fragments of DTLS, RFC 9147,
 * section 5.5): they come in any order, overlap and repeat. The octets that came first stay. What lies beyond a limit is dropped;
 * the room grows with what has come.
 */
export class PieceBuffer {
  readonly #maxBytes: number;
  readonly #allowance: Allowance;
  #bytes: Uint8Array = NOTHING;
  /** Pieces that were seen, ascending, apart from each other: from and to, in turns. */
  #pieces: number[] = [];

  constructor(maxBytes: number, allowance: Allowance) {
    this.#maxBytes = maxBytes;
    this.#allowance = allowance;
  }

  /** Octets from the start without a hole. */
  get contiguousBytes(): number {
    return this.#pieces[0] === 0 ? (this.#pieces[1] as number) : 0;
  }

  /** `from` to `to` of what came. */
  slice(from: number, to: number): Uint8Array {
    return this.#bytes.slice(from, to);
  }

  clear(): void {
    this.#allowance.give(this.#bytes.length);
    this.#bytes = NOTHING;
    this.#pieces = [];
  }

  /** Whether what is known at these places is something else: they are of another connection. */
  contradicts(offsetBytes: number, data: Uint8Array): boolean {
    const end = offsetBytes + data.length;
    for (let i = 0; i < this.#pieces.length; i += 2) {
      const from = Math.max(offsetBytes, this.#pieces[i] as number);
      const to = Math.min(end, this.#pieces[i + 1] as number);
      for (let at = from; at < to; at++) if (this.#bytes[at] !== data[at - offsetBytes]) return true;
    }
    return false;
  }

  /** Octets that were dropped, since there was no room for them. */
  add(offsetBytes: number, data: Uint8Array): number {
    const wantedEnd = offsetBytes + data.length;
    const end = Math.min(wantedEnd, this.#maxBytes);
    if (end <= offsetBytes) return data.length;
    const pieces = this.#pieces;
    let first = 0; // of the pieces that touch it
    while (first < pieces.length && (pieces[first + 1] as number) < offsetBytes) first += 2;
    let last = first; // behind them
    while (last < pieces.length && (pieces[last] as number) <= end) last += 2;
    if (last === first && pieces.length >= 2 * PIECES_MAX) return data.length;
    if (!this.#reserve(end)) return data.length;
    let at = offsetBytes;
    for (let i = first; i < last; i += 2) {
      this.#copy(offsetBytes, data, at, pieces[i] as number);
      at = Math.max(at, pieces[i + 1] as number);
    }
    this.#copy(offsetBytes, data, at, end);
    const from = last > first ? Math.min(offsetBytes, pieces[first] as number) : offsetBytes;
    const to = last > first ? Math.max(end, pieces[last - 1] as number) : end;
    pieces.splice(first, last - first, from, to);
    return wantedEnd - end;
  }

  #copy(offsetBytes: number, data: Uint8Array, from: number, to: number): void {
    if (to > from) this.#bytes.set(data.subarray(from - offsetBytes, to - offsetBytes), from);
  }

  #reserve(sizeBytes: number): boolean {
    if (sizeBytes <= this.#bytes.length) return true;
    let grown = Math.max(FIRST_BYTES, this.#bytes.length);
    while (grown < sizeBytes) grown *= 2;
    grown = Math.min(grown, this.#maxBytes);
    if (!this.#allowance.take(grown - this.#bytes.length)) return false;
    const bytes = new Uint8Array(grown);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    return true;
  }
}

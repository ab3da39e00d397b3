import type { QuicCounters } from "./quic-counters.ts";

/** Octets of a side's CRYPTO frames that are kept: hellos with post-quantum key shares have about 2,000. */
const CRYPTO_MAX_BYTES = 16_384;
/** Pieces with holes between them. */
const CRYPTO_PIECES_MAX = 128;
const FIRST_BYTES = 2048;

/**
 * Puts the CRYPTO frames of one side in order (RFC 9000, section 19.6): they come in any order, overlap and repeat. The octets
 * that came first stay. What lies beyond a limit is dropped, and counted.
 */
export class CryptoStream {
  readonly #counters: QuicCounters;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Pieces that were seen, ascending, apart from each other: from and to, in turns. */
  #pieces: number[] = [];

  constructor(counters: QuicCounters) {
    this.#counters = counters;
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
    this.#bytes = new Uint8Array(0);
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

  add(offsetBytes: number, data: Uint8Array): void {
    const end = Math.min(offsetBytes + data.length, CRYPTO_MAX_BYTES);
    if (end < offsetBytes + data.length)
      this.#counters.quicCryptoBytesDropped += offsetBytes + data.length - Math.max(end, offsetBytes);
    if (end <= offsetBytes) return;
    const pieces = this.#pieces;
    let first = 0; // of the pieces that touch it
    while (first < pieces.length && (pieces[first + 1] as number) < offsetBytes) first += 2;
    let last = first; // behind them
    while (last < pieces.length && (pieces[last] as number) <= end) last += 2;
    if (last === first && pieces.length >= 2 * CRYPTO_PIECES_MAX) {
      this.#counters.quicCryptoBytesDropped += end - offsetBytes;
      return;
    }
    this.#reserve(end);
    let at = offsetBytes;
    for (let i = first; i < last; i += 2) {
      this.#copy(offsetBytes, data, at, pieces[i] as number);
      at = Math.max(at, pieces[i + 1] as number);
    }
    this.#copy(offsetBytes, data, at, end);
    const from = last > first ? Math.min(offsetBytes, pieces[first] as number) : offsetBytes;
    const to = last > first ? Math.max(end, pieces[last - 1] as number) : end;
    pieces.splice(first, last - first, from, to);
  }

  #copy(offsetBytes: number, data: Uint8Array, from: number, to: number): void {
    if (to > from) this.#bytes.set(data.subarray(from - offsetBytes, to - offsetBytes), from);
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.#bytes.length) return;
    let grown = Math.max(FIRST_BYTES, this.#bytes.length);
    while (grown < sizeBytes) grown *= 2;
    const bytes = new Uint8Array(grown);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

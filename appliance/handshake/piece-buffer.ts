import type { Allowance } from "../decode/reader-budget.ts";

/** Pieces with holes between them. */
const PIECES_MAX = 128;
/** Room is taken by so much at a time, where octets have come: a piece far behind costs no more than one at the start. */
const PAGE_BYTES = 512;

/**
 * Puts pieces of one stream or message in order (CRYPTO frames of QUIC, RFC 9000, section 19.6; fragments of DTLS, RFC 9147,
 * section 5.5): they come in any order, overlap and repeat. The octets that came first stay. What lies beyond a limit is dropped;
 * the room grows with what has come, wherever that says that it belongs.
 */
export class PieceBuffer {
  readonly #maxBytes: number;
  readonly #allowance: Allowance;
  /** By offset in pages. */
  readonly #pages = new Map<number, Uint8Array>();
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

  /** Memory in use. */
  get roomBytes(): number {
    return this.#pages.size * PAGE_BYTES;
  }

  /** A copy of `from` to `to` of what came; zeros where nothing did. */
  slice(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(to - from);
    for (let at = from; at < to; ) {
      const end = endOfPage(at, to);
      const page = this.#pages.get(pageOf(at));
      const start = at % PAGE_BYTES;
      if (page !== undefined) bytes.set(page.subarray(start, start + end - at), at - from);
      at = end;
    }
    return bytes;
  }

  clear(): void {
    this.#allowance.give(this.roomBytes);
    this.#pages.clear();
    this.#pieces = [];
  }

  /** Whether what is known at these places is something else: they are of another connection. */
  contradicts(offsetBytes: number, data: Uint8Array): boolean {
    const end = offsetBytes + data.length;
    for (let i = 0; i < this.#pieces.length; i += 2) {
      const from = Math.max(offsetBytes, this.#pieces[i] as number);
      const to = Math.min(end, this.#pieces[i + 1] as number);
      if (from < to && this.#differs(from, data.subarray(from - offsetBytes, to - offsetBytes))) return true;
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
    if (!this.#reserve(offsetBytes, end)) return data.length;
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

  #differs(from: number, data: Uint8Array): boolean {
    for (let i = 0; i < data.length; i++)
      if (this.#pages.get(pageOf(from + i))?.[(from + i) % PAGE_BYTES] !== data[i]) return true;
    return false;
  }

  #copy(offsetBytes: number, data: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; ) {
      const end = endOfPage(at, to);
      this.#pages.get(pageOf(at))?.set(data.subarray(at - offsetBytes, end - offsetBytes), at % PAGE_BYTES);
      at = end;
    }
  }

  /** The pages of `from` to `to`; false when there is no room for those that are missing. */
  #reserve(from: number, to: number): boolean {
    const missing: number[] = [];
    for (let page = pageOf(from); page <= pageOf(to - 1); page++) if (!this.#pages.has(page)) missing.push(page);
    if (missing.length > 0 && !this.#allowance.take(missing.length * PAGE_BYTES)) return false;
    for (const page of missing) this.#pages.set(page, new Uint8Array(PAGE_BYTES));
    return true;
  }
}

function pageOf(at: number): number {
  return Math.floor(at / PAGE_BYTES);
}

/** Behind the octets from `at` on that lie in one page, `to` at most. */
function endOfPage(at: number, to: number): number {
  return Math.min(to, (pageOf(at) + 1) * PAGE_BYTES);
}

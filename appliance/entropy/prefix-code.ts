const DEEPEST = 15;

/** No symbol: the octets end, or the code isn't complete and these bits are not of it. */
export const NO_SYMBOL = -1;

/** Bits of octets, the least significant first, as DEFLATE packs them. */
export class BitReader {
  /** Position in bits, from the start of the octets. */
  at = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;

  /** Reads `bytes` from bit `at` up to the octet before `to`. */
  reset(bytes: Uint8Array, at: number, to: number): void {
    this.at = at;
    this.#bytes = bytes;
    this.#end = 8 * to;
  }

  /** Bits that are left; negative once more was read than there is. */
  get left(): number {
    return this.#end - this.at;
  }

  /** The next `count` bits, at most 16; zeros beyond the end. */
  read(count: number): number {
    const value = this.peek() & ((1 << count) - 1);
    this.at += count;
    return value;
  }

  /** At least 16 bits from the position on, without moving. */
  peek(): number {
    const octet = this.at >>> 3;
    const bytes = this.#bytes;
    if (octet + 3 > this.#end >>> 3) return this.#peekAtEnd(octet);
    return (
      ((bytes[octet] as number) | ((bytes[octet + 1] as number) << 8) | ((bytes[octet + 2] as number) << 16)) >>>
      (this.at & 7)
    );
  }

  #peekAtEnd(octet: number): number {
    let value = 0;
    for (let i = Math.min(octet + 2, (this.#end >>> 3) - 1); i >= octet; i--)
      value = (value << 8) | (this.#bytes[i] as number);
    return value >>> (this.at & 7);
  }
}

/** A canonical prefix code (RFC 1951, section 3.2.2), read bit by bit: of each code few symbols are. */
export class PrefixCode {
  /** Length of the longest code. */
  longest = 0;
  readonly #counts = new Uint16Array(DEEPEST + 1);
  readonly #next = new Uint16Array(DEEPEST + 2);
  readonly #symbols: Uint16Array;

  constructor(symbols: number) {
    this.#symbols = new Uint16Array(symbols);
  }

  /**
   * Takes the code lengths of `count` symbols, `lengths[first]` on; 0 is a symbol that isn't used. False where they make no
   * complete code; one with a single symbol, of one bit, or none is let through where `mayBeSingle`.
   */
  build(lengths: Uint8Array, first: number, count: number, mayBeSingle: boolean): boolean {
    const counts = this.#counts.fill(0);
    for (let i = first; i < first + count; i++) {
      const length = lengths[i] as number;
      counts[length] = (counts[length] as number) + 1;
    }
    const used = count - (counts[0] as number);
    counts[0] = 0;
    let free = 1;
    this.longest = 0;
    this.#next[1] = 0;
    for (let length = 1; length <= DEEPEST; length++) {
      const codes = counts[length] as number;
      free = 2 * free - codes;
      if (free < 0) return false;
      if (codes > 0) this.longest = length;
      this.#next[length + 1] = (this.#next[length] as number) + codes;
    }
    if (free > 0 && !(mayBeSingle && used <= 1 && counts[1] === used)) return false;
    for (let i = 0; i < count; i++) {
      const length = lengths[first + i] as number;
      if (length === 0) continue;
      const at = this.#next[length] as number;
      this.#symbols[at] = i;
      this.#next[length] = at + 1;
    }
    return true;
  }

  /** The symbol that comes next, or NO_SYMBOL. */
  read(bits: BitReader): number {
    let ahead = bits.peek();
    let code = 0;
    let firstCode = 0;
    let index = 0;
    for (let length = 1; length <= this.longest; length++) {
      code |= ahead & 1;
      ahead >>>= 1;
      const codes = this.#counts[length] as number;
      if (code < firstCode + codes) {
        bits.at += length;
        return bits.left < 0 ? NO_SYMBOL : (this.#symbols[index + code - firstCode] as number);
      }
      index += codes;
      firstCode = (firstCode + codes) << 1;
      code <<= 1;
    }
    return NO_SYMBOL;
  }
}

import { BitReader, NO_SYMBOL, PrefixCode } from "./prefix-code.ts";

const LENGTH_CODES = 19;
const LENGTH_CODE_ORDER = Uint8Array.from([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);
const END_OF_BLOCK = 256;
const LITERALS_MAX = 286;
const DISTANCES_MAX = 30;
const MATCH_EXTRA_BITS = Uint8Array.from({ length: 29 }, (_, i) => (i < 8 || i === 28 ? 0 : (i >> 2) - 1));
const DISTANCE_EXTRA_BITS = Uint8Array.from({ length: DISTANCES_MAX }, (_, i) => Math.max(0, (i >> 1) - 1));
const MATCH_BASE = Uint16Array.from({ length: 29 }, (_, i) => (i === 28 ? 258 : 3 + baseOf(MATCH_EXTRA_BITS, i)));
const DISTANCE_BASE = Uint16Array.from({ length: DISTANCES_MAX }, (_, i) => 1 + baseOf(DISTANCE_EXTRA_BITS, i));
/** RFC 1951, section 3.2.6. */
const FIXED_LENGTHS = Uint8Array.from({ length: 288 + 32 }, (_, i) =>
  i >= 288 ? 5 : i < 144 || i >= 280 ? 8 : i < 256 ? 9 : 7,
);

/** Bits that speak against chance: code lengths that make complete codes (measured), a length beside its complement. */
const CODES_BITS = 20;
const STORED_BITS = 16;
/** Enough: nothing is learnt from more octets. */
const ENOUGH_BITS = 64;

function baseOf(extraBits: Uint8Array, code: number): number {
  return extraBits.subarray(0, code).reduce((sum, bits) => sum + (1 << bits), 0);
}

/** Reads octets as blocks of DEFLATE (RFC 1951), to see whether they can be such; what they hold is not put together. */
export class DeflateTrial {
  readonly #bits = new BitReader();
  readonly #lengthCode = new PrefixCode(LENGTH_CODES);
  readonly #literals = new PrefixCode(288);
  readonly #distances = new PrefixCode(32);
  readonly #lengths = new Uint8Array(LITERALS_MAX + DISTANCES_MAX);
  /** Octets that the blocks stand for, and those before them. */
  #produced = 0;
  #evidence = 0;

  /**
   * Bits that speak for a stream that starts at `from`, against chance; -1 where it can't be one. It is read to its end, to `to`,
   * or to where it is plain. Matches may reach into `before` octets of a dictionary.
   */
  start(bytes: Uint8Array, from: number, to: number, before = 0): number {
    this.#bits.reset(bytes, 8 * from, to);
    this.#produced = before;
    this.#evidence = 0;
    for (let isFinal = false; !isFinal && this.#evidence < ENOUGH_BITS && this.#bits.left > 3; ) {
      isFinal = this.#bits.read(1) === 1;
      if (!this.#readBlock(this.#bits.read(2))) return -1;
    }
    return this.#evidence;
  }

  /** False where it is wrong; true at its end and where the octets end. */
  #readBlock(type: number): boolean {
    if (type === 0) return this.#readStored();
    if (type === 1) {
      this.#literals.build(FIXED_LENGTHS, 0, 288, false);
      this.#distances.build(FIXED_LENGTHS, 288, 32, false);
      return this.#readSymbols();
    }
    if (type !== 2) return false;
    const isWhole = this.#readCodes();
    if (this.#bits.left < 0) return true;
    if (!isWhole) return false;
    this.#evidence += CODES_BITS;
    return this.#readSymbols();
  }

  /** Section 3.2.4: padding to the next octet, zeros as all write it, a length and its complement. */
  #readStored(): boolean {
    const bits = this.#bits;
    const padding = -bits.at & 7;
    if (bits.read(padding) !== 0) return false;
    const length = bits.read(16);
    const complement = bits.read(16);
    if (bits.left < 0) return true;
    if (length !== (complement ^ 0xffff)) return false;
    this.#evidence += padding + STORED_BITS;
    this.#produced += length;
    bits.at += 8 * length;
    return true;
  }

  /** Section 3.2.7: how many codes, the code of their lengths, their lengths. False also where the octets end. */
  #readCodes(): boolean {
    const bits = this.#bits;
    const literals = bits.read(5) + 257;
    const distances = bits.read(5) + 1;
    const codes = bits.read(4) + 4;
    if (literals > LITERALS_MAX || distances > DISTANCES_MAX) return false;
    this.#lengths.fill(0, 0, LENGTH_CODES);
    for (let i = 0; i < codes; i++) this.#lengths[LENGTH_CODE_ORDER[i] as number] = bits.read(3);
    if (!this.#lengthCode.build(this.#lengths, 0, LENGTH_CODES, false)) return false;
    return (
      this.#readLengths(literals + distances) &&
      this.#lengths[END_OF_BLOCK] !== 0 &&
      this.#literals.build(this.#lengths, 0, literals, true) &&
      this.#distances.build(this.#lengths, literals, distances, true)
    );
  }

  #readLengths(count: number): boolean {
    const bits = this.#bits;
    for (let i = 0; i < count; ) {
      const symbol = this.#lengthCode.read(bits);
      if (symbol === NO_SYMBOL || (symbol === 16 && i === 0)) return false;
      if (symbol < 16) {
        this.#lengths[i++] = symbol;
        continue;
      }
      const repeated = symbol === 16 ? (this.#lengths[i - 1] as number) : 0;
      const times = symbol === 16 ? 3 + bits.read(2) : symbol === 17 ? 3 + bits.read(3) : 11 + bits.read(7);
      if (i + times > count) return false;
      this.#lengths.fill(repeated, i, i + times);
      i += times;
    }
    return true;
  }

  /** Up to the end of the block or of the octets; no match may reach back further than there are octets. */
  #readSymbols(): boolean {
    const bits = this.#bits;
    while (this.#evidence < ENOUGH_BITS) {
      const symbol = this.#literals.read(bits);
      if (symbol === END_OF_BLOCK || bits.left <= 0) return true;
      if (symbol === NO_SYMBOL || symbol >= LITERALS_MAX) return false;
      if (symbol < END_OF_BLOCK) this.#produced++;
      else if (!this.#readMatch(symbol - 257)) return bits.left < 0;
    }
    return true;
  }

  #readMatch(lengthCode: number): boolean {
    const bits = this.#bits;
    const length = (MATCH_BASE[lengthCode] as number) + bits.read(MATCH_EXTRA_BITS[lengthCode] as number);
    const distanceCode = this.#distances.read(bits);
    if (distanceCode === NO_SYMBOL || distanceCode >= DISTANCES_MAX) return false;
    const distance = (DISTANCE_BASE[distanceCode] as number) + bits.read(DISTANCE_EXTRA_BITS[distanceCode] as number);
    if (distance > this.#produced) return false;
    this.#evidence += surpriseBits(this.#produced);
    this.#produced += length;
    return true;
  }
}

/** Of a distance code that reaches back no further than `produced` octets: of the 32 all would be as likely by chance. */
function surpriseBits(produced: number): number {
  let fitting = 1;
  while (fitting < DISTANCES_MAX && (DISTANCE_BASE[fitting] as number) <= produced) fitting++;
  return Math.log2(32 / fitting);
}

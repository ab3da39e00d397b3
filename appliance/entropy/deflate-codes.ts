import { type BitReader, NO_SYMBOL, PrefixCode } from "./prefix-code.ts";

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

function baseOf(extraBits: Uint8Array, code: number): number {
  return extraBits.subarray(0, code).reduce((sum, bits) => sum + (1 << bits), 0);
}

/** Neither a literal nor a match: the end of the block or of the octets, or what can't be. Octets of others are above 0. */
export const STEP_END = 0;
export const STEP_WRONG = -1;

/** The two codes of a block of DEFLATE (RFC 1951), and what they read. */
export class DeflateCodes {
  /** How far back the last match reached; 0: it was a literal. */
  distance = 0;
  /** Length of the code that ends the block. */
  endBits = 0;
  readonly literals = new PrefixCode(288);
  readonly distances = new PrefixCode(32);
  readonly #lengthCode = new PrefixCode(LENGTH_CODES);
  readonly #lengths = new Uint8Array(LITERALS_MAX + DISTANCES_MAX);

  /** Section 3.2.6. */
  useFixed(): void {
    this.literals.build(FIXED_LENGTHS, 0, 288, false);
    this.distances.build(FIXED_LENGTHS, 288, 32, false);
    this.endBits = 7;
  }

  /** Section 3.2.7: how many codes, the code of their lengths, their lengths. False also where the octets end. */
  readDynamic(bits: BitReader): boolean {
    const literals = bits.read(5) + 257;
    const distances = bits.read(5) + 1;
    const codes = bits.read(4) + 4;
    if (literals > LITERALS_MAX || distances > DISTANCES_MAX) return false;
    this.#lengths.fill(0, 0, LENGTH_CODES);
    for (let i = 0; i < codes; i++) this.#lengths[LENGTH_CODE_ORDER[i] as number] = bits.read(3);
    if (!this.#lengthCode.build(this.#lengths, 0, LENGTH_CODES, false)) return false;
    if (!this.#readLengths(bits, literals + distances)) return false;
    this.endBits = this.#lengths[END_OF_BLOCK] as number;
    return (
      this.endBits !== 0 &&
      this.literals.build(this.#lengths, 0, literals, true) &&
      this.distances.build(this.#lengths, literals, distances, true)
    );
  }

  #readLengths(bits: BitReader, count: number): boolean {
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

  /** Reads a literal or a match: the octets that it stands for, STEP_END or STEP_WRONG. */
  step(bits: BitReader): number {
    const symbol = this.literals.read(bits);
    if (symbol === END_OF_BLOCK || bits.left <= 0) return STEP_END;
    if (symbol === NO_SYMBOL || symbol >= LITERALS_MAX) return STEP_WRONG;
    this.distance = 0;
    if (symbol < END_OF_BLOCK) return 1;
    const length = (MATCH_BASE[symbol - 257] as number) + bits.read(MATCH_EXTRA_BITS[symbol - 257] as number);
    const code = this.distances.read(bits);
    if (code === NO_SYMBOL || code >= DISTANCES_MAX) return bits.left < 0 ? STEP_END : STEP_WRONG;
    this.distance = (DISTANCE_BASE[code] as number) + bits.read(DISTANCE_EXTRA_BITS[code] as number);
    return bits.left < 0 ? STEP_END : length;
  }
}

/** Of a distance that reaches back no further than `produced` octets, against chance, where all codes are as likely. */
export function distanceSurpriseBits(produced: number): number {
  let fitting = 1;
  while (fitting < DISTANCES_MAX && (DISTANCE_BASE[fitting] as number) <= produced) fitting++;
  return Math.log2(32 / fitting);
}

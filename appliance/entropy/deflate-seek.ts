import { DeflateCodes, STEP_END } from "./deflate-codes.ts";
import { BitReader } from "./prefix-code.ts";

/** Not the last block, type 2: the lowest three bits of its header. */
const DYNAMIC = 4;
/** Codes up to which a header may say there are more, less their least: 286 of literals, 30 of distances. */
const COUNT_MAX = 29;
const HEADER_BITS = 17;
/** Bits that the shortest of headers and something behind it have. */
const LEAST_BITS = 300;
/** The room that a complete code of at most seven bits fills. */
const WHOLE = 128;
/** Lengths in the code of lengths: fewer stand for no code that data has. */
const LEAST_LENGTHS = 10;
/** Literals and matches of a block that is worth a header with codes. */
const LEAST_SYMBOLS = 64;

/** Of each octet and the two bits behind it, the bits (0 to 7) at which DYNAMIC stands. */
const STARTS = Uint8Array.from({ length: 1024 }, (_, bits) =>
  [0, 1, 2, 3, 4, 5, 6, 7].reduce((found, at) => (((bits >> at) & 7) === DYNAMIC ? found | (1 << at) : found), 0),
);
/** Of four lengths of codes, of three bits each, the room that they fill. */
const ROOM = Uint16Array.from({ length: 4096 }, (_, lengths) =>
  [0, 3, 6, 9].reduce((room, at) => {
    const length = (lengths >> at) & 7;
    return length === 0 ? room : room + (WHOLE >> length);
  }, 0),
);

/** Looks for blocks of DEFLATE (RFC 1951) at any bit of a window from the middle of a stream. */
export class DeflateSeek {
  readonly #bits = new BitReader();
  readonly #codes = new DeflateCodes();

  /**
   * True where a block with codes of its own starts in the window, and reads on from there. The code that ends a block is used
   * once: none is longer by more than a bit.
   */
  find(bytes: Uint8Array, from: number, to: number): boolean {
    const end = to - LEAST_BITS / 8;
    for (let octet = from; octet < end; octet++) {
      let starts = STARTS[(bytes[octet] as number) | (((bytes[octet + 1] as number) & 3) << 8)] as number;
      for (let bit = 0; starts !== 0; bit++, starts >>>= 1)
        if ((starts & 1) !== 0 && this.#looksRight(bytes, octet, bit) && this.#reads(bytes, 8 * octet + bit, to))
          return true;
    }
    return false;
  }

  /** The counts of codes are possible, and the lengths of the code of lengths make a complete one. */
  #looksRight(bytes: Uint8Array, octet: number, bit: number): boolean {
    const header =
      ((bytes[octet] as number) | ((bytes[octet + 1] as number) << 8) | ((bytes[octet + 2] as number) << 16)) >>> bit;
    const lengths = ((header >>> 13) & 15) + 4;
    if (((header >>> 3) & 31) > COUNT_MAX || ((header >>> 8) & 31) > COUNT_MAX || lengths < LEAST_LENGTHS) return false;
    let room = 0;
    let at = 8 * octet + bit + HEADER_BITS;
    for (let left = 3 * lengths; left > 0 && room <= WHOLE; left -= 24, at += 24) {
      const i = at >>> 3;
      const low = (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16);
      const ahead =
        ((low >>> (at & 7)) | ((bytes[i + 3] as number) << (24 - (at & 7)))) & (left < 24 ? (1 << left) - 1 : -1);
      room += (ROOM[ahead & 0xfff] as number) + (ROOM[(ahead >>> 12) & 0xfff] as number);
    }
    return room === WHOLE;
  }

  #reads(bytes: Uint8Array, at: number, to: number): boolean {
    const bits = this.#bits;
    const codes = this.#codes;
    bits.reset(bytes, at + 3, to);
    if (!codes.readDynamic(bits) || codes.endBits < codes.literals.longest - 1) return false;
    for (let i = 0; i < LEAST_SYMBOLS; i++) if (codes.step(bits) <= STEP_END) return bits.left <= 0 && i > 0;
    return true;
  }
}

import { DeflateCodes, distanceSurpriseBits, STEP_END, STEP_WRONG } from "./deflate-codes.ts";
import { BitReader } from "./prefix-code.ts";

/** Bits that speak against chance: code lengths that make complete codes (measured), a length beside its complement. */
const CODES_BITS = 20;
const STORED_BITS = 16;
/** Enough: nothing is learnt from more octets. */
const ENOUGH_BITS = 64;

/** Reads octets as blocks of DEFLATE (RFC 1951), to see whether they can be such; what they hold is not put together. */
export class DeflateTrial {
  readonly #bits = new BitReader();
  readonly #codes = new DeflateCodes();
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
      this.#codes.useFixed();
      return this.#readSymbols();
    }
    if (type !== 2) return false;
    const isWhole = this.#codes.readDynamic(this.#bits);
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

  /** Up to the end of the block or of the octets; no match may reach back further than there are octets. */
  #readSymbols(): boolean {
    while (this.#evidence < ENOUGH_BITS) {
      const octets = this.#codes.step(this.#bits);
      if (octets === STEP_END) return true;
      if (octets === STEP_WRONG || this.#codes.distance > this.#produced) return false;
      if (this.#codes.distance > 0) this.#evidence += distanceSurpriseBits(this.#produced);
      this.#produced += octets;
    }
    return true;
  }
}

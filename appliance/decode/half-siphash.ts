/**
 * HalfSipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", section 7; 32-bit words, 64-bit key) over
 * the words of a key. Keyed at random, so that nobody can choose keys that collide. No length octet: the
 * number of words is fixed by the IP version, which is one of the words.
 */
export class HalfSipHash {
  readonly #k0: number;
  readonly #k1: number;

  /** At least 8 octets of key. */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    this.#k0 = view.getInt32(0, true);
    this.#k1 = view.getInt32(4, true);
  }

  /** int32 over `words[from]` to `words[to - 1]`. */
  hash(words: Int32Array, from: number, to: number): number {
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = 0x6c796765 ^ v0;
    let v3 = 0x74656462 ^ v1;
    // a round for each word, then three that finish; the state is in local variables, since this runs for every packet
    for (let i = from; i < to + 3; i++) {
      const word = i < to ? (words[i] as number) : 0;
      if (i === to) v2 ^= 0xff;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}

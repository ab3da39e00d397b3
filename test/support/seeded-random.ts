/** A reproducible stream of random numbers: xoshiro128** (Blackman and Vigna, 2018), seeded by splitmix32. */
export class SeededRandom {
  readonly #state = new Int32Array(4);

  constructor(seed: number) {
    let x = seed | 0;
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) | 0;
      let z = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      this.#state[i] = z ^ (z >>> 15);
    }
  }

  /** 32 random bits, as a number from 0 on. */
  next(): number {
    const s = this.#state;
    const s1 = s[1] as number;
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    s[2] = (s[2] as number) ^ (s[0] as number);
    s[3] = (s[3] as number) ^ s1;
    s[1] = s1 ^ (s[2] as number);
    s[0] = (s[0] as number) ^ (s[3] as number);
    s[2] = (s[2] as number) ^ (s1 << 9);
    s[3] = rotate(s[3] as number, 11);
    return result;
  }

  /** 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; ) {
      const word = this.next();
      for (let shift = 0; shift < 32 && i < bytes.length; shift += 8) bytes[i++] = word >>> shift;
    }
  }
}

function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

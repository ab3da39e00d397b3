import { createCipheriv } from "node:crypto";

const KEYSTREAM_BYTES = 1 << 20;

/** A reproducible stream of random octets: the keystream of AES-128 in counter mode (NIST SP 800-38A), keyed by `seed`. */
export class RandomStream {
  readonly #cipher: ReturnType<typeof createCipheriv>;
  readonly #zeros = Buffer.alloc(KEYSTREAM_BYTES);
  #keystream: Buffer;
  #at = 0;

  constructor(seed: number) {
    const key = Buffer.alloc(16);
    key.writeUInt32BE(seed >>> 0);
    this.#cipher = createCipheriv("aes-128-ctr", key, Buffer.alloc(16));
    this.#keystream = this.#cipher.update(this.#zeros);
  }

  /** 0 to `limit - 1`. */
  below(limit: number): number {
    if (this.#at + 4 > KEYSTREAM_BYTES) this.#refill();
    const word = this.#keystream.readUInt32LE(this.#at);
    this.#at += 4;
    return Math.floor((word / 2 ** 32) * limit);
  }

  /** `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  isOnceIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length; ) {
      if (this.#at === KEYSTREAM_BYTES) this.#refill();
      const copied = this.#keystream.copy(bytes, filled, this.#at);
      filled += copied;
      this.#at += copied;
    }
    return bytes;
  }

  #refill(): void {
    this.#keystream = this.#cipher.update(this.#zeros);
    this.#at = 0;
  }
}

/**
 * Key material that cannot be printed by accident: `String(secret)` throws, JSON and inspection show "[secret]".
 * `wipe` zeroes the octets; a wiped secret refuses to be read.
 */
export class Secret {
  #bytes: Uint8Array | undefined;

  /** Takes ownership: the caller must not keep or reuse `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The octets themselves, not a copy. Throws once wiped. */
  reveal(): Uint8Array {
    if (this.#bytes === undefined) throw new Error("secret was wiped");
    return this.#bytes;
  }

  /** Constant in time for equal lengths. */
  equals(other: Secret): boolean {
    const mine = this.reveal();
    const theirs = other.reveal();
    if (mine.length !== theirs.length) return false;
    let difference = 0;
    for (let i = 0; i < mine.length; i++) difference |= (mine[i] ?? 0) ^ (theirs[i] ?? 0);
    return difference === 0;
  }

  wipe(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  toString(): never {
    throw new Error("a secret has no text form");
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

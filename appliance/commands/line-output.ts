import { writeSync } from "node:fs";

const FLUSH_BYTES = 64 * 1024;
/** UTF-8 of one UTF-16 code unit at most. */
const UNIT_MAX_BYTES = 3;
const RETRY_MS = 2;

/** The reader of our output has gone; there is nothing to say to anybody. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}

/** Lines to a file descriptor, in large pieces and in order, waiting while a pipe is full. */
export class LineOutput {
  readonly #fd: number;
  readonly #bytes = Buffer.allocUnsafeSlow(2 * FLUSH_BYTES);
  #lengthBytes = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    if (UNIT_MAX_BYTES * line.length + 1 > FLUSH_BYTES) {
      const octets = Buffer.from(`${line}\n`);
      this.writeOctets(octets, 0, octets.length);
      return;
    }
    this.#lengthBytes += this.#bytes.write(line, this.#lengthBytes, "utf8");
    this.#bytes[this.#lengthBytes++] = 0x0a;
    if (this.#lengthBytes >= FLUSH_BYTES) this.flush();
  }

  /** Whole lines, as octets. */
  writeOctets(octets: Uint8Array, from: number, to: number): void {
    if (to - from >= FLUSH_BYTES) {
      this.flush();
      this.#writeAll(octets, from, to);
      return;
    }
    this.#bytes.set(octets.subarray(from, to), this.#lengthBytes);
    this.#lengthBytes += to - from;
    if (this.#lengthBytes >= FLUSH_BYTES) this.flush();
  }

  /** Throws an OutputClosedError when nobody reads any more. */
  flush(): void {
    const lengthBytes = this.#lengthBytes;
    this.#lengthBytes = 0;
    this.#writeAll(this.#bytes, 0, lengthBytes);
  }

  #writeAll(octets: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; ) {
      try {
        at += writeSync(this.#fd, octets, at, to - at);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EPIPE") throw new OutputClosedError("nobody reads the output", { cause: error });
        if (code !== "EAGAIN") throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }
}

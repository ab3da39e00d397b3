import { closeSync, openSync, readSync } from "node:fs";

const BLOCK_BYTES = 1024 * 1024;
/** A record that does not fit a block grows it, up to here. */
export const RECORD_MAX_BYTES = 16 * 1024 * 1024;

/** Reads a file front to back in blocks of 1 MiB; what of a block is not used up is kept in front of the next. */
export class BlockReader {
  bytes: Uint8Array = new Uint8Array(BLOCK_BYTES);
  view = new DataView(this.bytes.buffer);
  /** The part of `bytes` that is not used up. */
  start = 0;
  end = 0;
  /** Of `bytes[start]` in the file. */
  offsetBytes = 0;
  readonly #fd: number;

  /** "-" is standard input. Throws what node:fs throws. */
  constructor(path: string) {
    this.#fd = path === "-" ? 0 : openSync(path, "r");
  }

  available(): number {
    return this.end - this.start;
  }

  take(count: number): void {
    this.start += count;
    this.offsetBytes += count;
  }

  /** Reads on; false at the end of the file. `wanted` octets will fit the block, when there are so many. */
  fill(wanted = 0): boolean {
    this.#makeRoom(wanted);
    const read = readSync(this.#fd, this.bytes, this.end, this.bytes.length - this.end, null);
    this.end += read;
    return read > 0;
  }

  /** Whether at least `count` octets are there, after reading on if need be; `count` is at most RECORD_MAX_BYTES. */
  has(count: number): boolean {
    while (this.available() < count) if (!this.fill(count)) return false;
    return true;
  }

  close(): void {
    if (this.#fd !== 0) closeSync(this.#fd);
  }

  #makeRoom(wanted: number): void {
    if (wanted > this.bytes.length) {
      const bytes = new Uint8Array(wanted + BLOCK_BYTES);
      bytes.set(this.bytes.subarray(this.start, this.end));
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer);
    } else if (this.start > 0) this.bytes.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
  }
}

/** Of one direction, at most. */
export const RAW_WINDOW_BYTES = 4096;
const NO_WINDOW = 0;

/**
 * Octets of directions, as they are, for what can't be told from counts. A fixed number of windows for all directions, handed out
 * last-freed-first, so that the memory in use stays small.
 */
export class RawWindows {
  /** Directions for which no window was free. */
  skipped = 0;
  inUse = 0;
  readonly bytes: Uint8Array;
  readonly #windows: number;
  readonly #nextFree: Int32Array;
  readonly #windowOf: Int32Array;
  readonly #length: Uint16Array;
  #free = NO_WINDOW;
  #fresh = 1;

  constructor(directions: number, totalBytes: number) {
    this.#windows = Math.floor(totalBytes / RAW_WINDOW_BYTES);
    this.bytes = new Uint8Array((this.#windows + 1) * RAW_WINDOW_BYTES);
    this.#nextFree = new Int32Array(this.#windows + 1);
    this.#windowOf = new Int32Array(directions);
    this.#length = new Uint16Array(directions);
  }

  open(at: number): void {
    let window = this.#free;
    if (window !== NO_WINDOW) this.#free = this.#nextFree[window] as number;
    else if (this.#fresh <= this.#windows) window = this.#fresh++;
    else {
      this.skipped++;
      return;
    }
    this.inUse++;
    this.#windowOf[at] = window;
    this.#length[at] = 0;
  }

  isOpen(at: number): boolean {
    return this.#windowOf[at] !== NO_WINDOW;
  }

  isFull(at: number): boolean {
    return this.#length[at] === RAW_WINDOW_BYTES;
  }

  /** Adds as much as there is room for. */
  append(at: number, bytes: Uint8Array, from: number, to: number): void {
    const start = this.start(at);
    const length = this.#length[at] as number;
    const count = Math.min(to - from, RAW_WINDOW_BYTES - length);
    for (let i = 0; i < count; i++) this.bytes[start + length + i] = bytes[from + i] as number;
    this.#length[at] = length + count;
  }

  /** The octets of a direction are `bytes[start(at)]` to `bytes[end(at) - 1]`. */
  start(at: number): number {
    return (this.#windowOf[at] as number) * RAW_WINDOW_BYTES;
  }

  end(at: number): number {
    return this.start(at) + (this.#length[at] as number);
  }

  close(at: number): void {
    const window = this.#windowOf[at] as number;
    if (window === NO_WINDOW) return;
    this.#nextFree[window] = this.#free;
    this.#free = window;
    this.#windowOf[at] = NO_WINDOW;
    this.inUse--;
  }
}

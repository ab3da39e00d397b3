/** Of one direction, at most. */
export const RAW_WINDOW_BYTES = 4096;
/** Stands for "none". */
export const NO_WINDOW = 0;

/**
 * Octets of directions, as they are, for what can't be told from counts. A fixed number of windows for all directions, handed out
 * last-freed-first, so that the memory in use stays small.
 */
export class RawWindows {
  /** Times that no window was free. */
  skipped = 0;
  inUse = 0;
  readonly bytes: Uint8Array;
  readonly #windows: number;
  /** Octets in a window that is in use; of a free one, the next that is free. */
  readonly #lengthOrNextFree: Int32Array;
  #free = NO_WINDOW;
  #fresh = 1;

  constructor(totalBytes: number) {
    this.#windows = Math.floor(totalBytes / RAW_WINDOW_BYTES);
    this.bytes = new Uint8Array((this.#windows + 1) * RAW_WINDOW_BYTES);
    this.#lengthOrNextFree = new Int32Array(this.#windows + 1);
  }

  /** An empty window, or NO_WINDOW when all are in use. */
  open(): number {
    let window = this.#free;
    if (window !== NO_WINDOW) this.#free = this.#lengthOrNextFree[window] as number;
    else if (this.#fresh <= this.#windows) window = this.#fresh++;
    else {
      this.skipped++;
      return NO_WINDOW;
    }
    this.inUse++;
    this.#lengthOrNextFree[window] = 0;
    return window;
  }

  isFull(window: number): boolean {
    return this.#lengthOrNextFree[window] === RAW_WINDOW_BYTES;
  }

  /** Adds as much as there is room for. */
  append(window: number, bytes: Uint8Array, from: number, to: number): void {
    const end = this.end(window);
    const count = Math.min(to - from, this.start(window) + RAW_WINDOW_BYTES - end);
    for (let i = 0; i < count; i++) this.bytes[end + i] = bytes[from + i] as number;
    this.#lengthOrNextFree[window] = (this.#lengthOrNextFree[window] as number) + count;
  }

  /** The octets of a window are `bytes[start(window)]` to `bytes[end(window) - 1]`. */
  start(window: number): number {
    return window * RAW_WINDOW_BYTES;
  }

  end(window: number): number {
    return this.start(window) + (this.#lengthOrNextFree[window] as number);
  }

  close(window: number): void {
    this.#lengthOrNextFree[window] = this.#free;
    this.#free = window;
    this.inUse--;
  }
}

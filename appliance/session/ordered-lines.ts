import { LineOctets } from "./line-octets.ts";

const LINES = 1024;

/**
 * Lines in their order, which does not depend on how many share the sessions: by the number of the frame that was worked on
 * when the record left, then by the session's id, then as they came.
 */
export interface LineBatch {
  /** No later batch has a line at or before this place: a frame, and a session of it. */
  readonly frame: number;
  readonly id: number;
  /** Of each line: its place, and where it ends in `octets`. */
  readonly frames: Float64Array<ArrayBuffer>;
  readonly ids: Float64Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly octets: Uint8Array<ArrayBuffer>;
}

/** Beyond all sessions of a frame, and beyond all frames. */
export const AFTER_ALL = Number.POSITIVE_INFINITY;

/** Puts the lines of one engine in order; frames come in order by themselves. */
export class OrderedLines {
  /** Each line is appended here, and then placed. */
  readonly lines = new LineOctets();
  #frames = new Float64Array(LINES);
  #ids = new Float64Array(LINES);
  #ends = new Uint32Array(LINES);
  #count = 0;
  /** First line of the frame that the last one is of. */
  #frameAt = 0;
  #isSorted = true;

  /** The line that was appended last is of `frame` and session `id`. */
  place(frame: number, id: number): void {
    const at = this.#count;
    if (at === this.#ends.length) this.#grow();
    if (at > this.#frameAt) {
      if (frame !== this.#frames[at - 1]) this.#settle();
      else if (id < (this.#ids[at - 1] as number)) this.#isSorted = false;
    }
    this.#frames[at] = frame;
    this.#ids[at] = id;
    this.#ends[at] = this.lines.lengthBytes;
    this.#count++;
  }

  /** The octets of all lines, in order; valid until the next call of another method. Not to be called within a frame. */
  view(): Uint8Array {
    this.#settle();
    return this.lines.bytes.subarray(0, this.lines.lengthBytes);
  }

  /** All lines, copied. `frame` and `id` as in the batch: what comes later comes after them. */
  copy(frame: number, id: number): LineBatch {
    const octets = this.view().slice();
    const count = this.#count;
    return {
      frame,
      id,
      frames: this.#frames.slice(0, count),
      ids: this.#ids.slice(0, count),
      ends: this.#ends.slice(0, count),
      octets,
    };
  }

  clear(): void {
    this.lines.clear();
    this.#count = 0;
    this.#frameAt = 0;
    this.#isSorted = true;
  }

  /** Nothing more comes of the last line's frame. */
  #settle(): void {
    if (!this.#isSorted) this.#sortFrom(this.#frameAt);
    this.#frameAt = this.#count;
    this.#isSorted = true;
  }

  #sortFrom(first: number): void {
    const { bytes } = this.lines;
    const startBytes = this.#startOf(first);
    const unsorted = bytes.slice(startBytes, this.#startOf(this.#count)); // a line behind them is not placed yet
    const ids = this.#ids.slice(first, this.#count);
    const starts = Array.from(ids, (_, i) => this.#startOf(first + i) - startBytes);
    const order = Array.from(starts.keys()).sort((a, b) => (ids[a] as number) - (ids[b] as number) || a - b);
    let end = startBytes;
    order.forEach((from, i) => {
      const line = unsorted.subarray(starts[from], starts[from + 1]);
      bytes.set(line, end);
      end += line.length;
      this.#ids[first + i] = ids[from] as number;
      this.#ends[first + i] = end;
    });
  }

  #startOf(line: number): number {
    return line === 0 ? 0 : (this.#ends[line - 1] as number);
  }

  #grow(): void {
    const count = 2 * this.#count;
    const [frames, ids, ends] = [this.#frames, this.#ids, this.#ends];
    this.#frames = new Float64Array(count);
    this.#ids = new Float64Array(count);
    this.#ends = new Uint32Array(count);
    this.#frames.set(frames);
    this.#ids.set(ids);
    this.#ends.set(ends);
  }
}

import { AFTER_ALL, type LineBatch } from "./ordered-lines.ts";

/** Batches of one source that are not written yet, and how far it has come. */
interface Stream {
  readonly batches: LineBatch[];
  /** First line of the first batch that is not written. */
  at: number;
  frame: number;
  id: number;
  pendingBytes: number;
}

/** Lines of several sources, each in order, become one. What is written doesn't depend on when the batches came. */
export class LineMerge {
  readonly #streams: readonly Stream[];
  readonly #write: (octets: Uint8Array, from: number, to: number) => void;
  readonly #written: (source: number, octets: number) => void;

  /** `written` is told of each batch that is done with. */
  constructor(
    sources: number,
    write: (octets: Uint8Array, from: number, to: number) => void,
    written: (source: number, octets: number) => void,
  ) {
    this.#write = write;
    this.#written = written;
    this.#streams = Array.from({ length: sources }, () => ({ batches: [], at: 0, frame: 0, id: 0, pendingBytes: 0 }));
  }

  push(source: number, batch: LineBatch): void {
    const stream = this.#streams[source] as Stream;
    stream.frame = batch.frame;
    stream.id = batch.id;
    if (batch.ends.length === 0) return;
    stream.batches.push(batch);
    stream.pendingBytes += batch.octets.length;
  }

  /** Nothing more comes of this source. */
  end(source: number): void {
    const stream = this.#streams[source] as Stream;
    stream.frame = AFTER_ALL;
    stream.id = AFTER_ALL;
  }

  /** Octets of this source that wait for others. */
  pendingBytes(source: number): number {
    return (this.#streams[source] as Stream).pendingBytes;
  }

  /** Writes all lines that nothing can come before any more. */
  drain(): void {
    for (;;) {
      const source = this.#first();
      if (source < 0 || !this.#writeUntilOthers(source)) return;
    }
  }

  /** The source whose next line is the first of all, -1 when there is none. */
  #first(): number {
    let first = -1;
    let firstFrame = 0;
    let firstId = 0;
    this.#streams.forEach(({ batches: [batch], at }, source) => {
      if (batch === undefined) return;
      const frame = batch.frames[at] as number;
      const id = batch.ids[at] as number;
      if (first >= 0 && !isBefore(frame, id, firstFrame, firstId)) return;
      first = source;
      firstFrame = frame;
      firstId = id;
    });
    return first;
  }

  /** Lines of one source up to the next of another; false when that may still come before the first of them. */
  #writeUntilOthers(source: number): boolean {
    const stream = this.#streams[source] as Stream;
    const batch = stream.batches[0] as LineBatch;
    let frame = AFTER_ALL;
    let id = AFTER_ALL;
    for (const other of this.#streams) {
      if (other === stream) continue;
      const [next] = other.batches;
      const otherFrame = next === undefined ? other.frame : (next.frames[other.at] as number);
      const otherId = next === undefined ? other.id : (next.ids[other.at] as number);
      if (!isBefore(otherFrame, otherId, frame, id)) continue;
      frame = otherFrame;
      id = otherId;
    }
    const from = stream.at;
    let to = from;
    const { frames, ids, ends, octets } = batch;
    while (to < ends.length && !isBefore(frame, id, frames[to] as number, ids[to] as number)) to++;
    if (to === from) return false;
    this.#write(octets, from === 0 ? 0 : (ends[from - 1] as number), ends[to - 1] as number);
    stream.at = to;
    if (to === ends.length) {
      stream.batches.shift();
      stream.at = 0;
      stream.pendingBytes -= octets.length;
      this.#written(source, octets.length);
      release(batch);
    }
    return true;
  }
}

/** Gives its memory back at once. It is outside V8's heap, so that garbage collection would come late. */
function release({ frames, ids, ends, octets }: LineBatch): void {
  for (const { buffer } of [frames, ids, ends, octets]) buffer.transfer(0);
}

function isBefore(frame: number, id: number, otherFrame: number, otherId: number): boolean {
  return frame < otherFrame || (frame === otherFrame && id < otherId);
}

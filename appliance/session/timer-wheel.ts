/** Buckets of one second; a row that is due later than all of them waits in the last and is put in again. */
const BUCKETS = 4096;
const BUCKET_MASK = BUCKETS - 1;
/** Rows looked at to find one to give up. */
const EVICTION_TRIES = 16;

/**
 * Rows by the second at which they are next looked at. A packet doesn't move its row: whoever looks finds out when the row is
 * really due, and puts it in again. So a packet costs nothing here.
 */
export class TimerWheel {
  /** Unix second up to which all rows were looked at. */
  nowSecond = 0;
  /** Where `first` goes on; nothing is put in between its calls. */
  #firstBucket = 0;
  readonly #heads = new Int32Array(BUCKETS);
  readonly #bucketOf: Int16Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  constructor(rows: number) {
    this.#bucketOf = new Int16Array(rows);
    this.#next = new Int32Array(rows);
    this.#previous = new Int32Array(rows);
  }

  put(row: number, dueSecond: number): void {
    const second = Math.min(Math.max(dueSecond, this.nowSecond + 1), this.nowSecond + BUCKETS - 1);
    const bucket = second & BUCKET_MASK;
    const head = this.#heads[bucket] as number;
    this.#next[row] = head;
    this.#previous[row] = 0;
    if (head !== 0) this.#previous[head] = row;
    this.#heads[bucket] = row;
    this.#bucketOf[row] = bucket;
  }

  take(row: number): void {
    const next = this.#next[row] as number;
    const previous = this.#previous[row] as number;
    if (next !== 0) this.#previous[next] = previous;
    if (previous !== 0) this.#next[previous] = next;
    else this.#heads[this.#bucketOf[row] as number] = next;
  }

  /**
   * Moves on to `second` and hands every row whose time has come to `look`, which puts it in again or forgets it; the row
   * is out of the wheel by then.
   */
  advance(second: number, look: (row: number) => void): void {
    if (second <= this.nowSecond) return;
    const from = Math.max(this.nowSecond + 1, second - BUCKETS + 1);
    this.nowSecond = second;
    for (let s = from; s <= second; s++) this.#lookAtBucket(s & BUCKET_MASK, look);
  }

  /** Sets another time, when the clock was moved back, and looks at every row. */
  restart(second: number, look: (row: number) => void): void {
    this.nowSecond = second;
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#lookAtBucket(bucket, look);
  }

  /**
   * A row to give up, by `idleSecond`, the second at which it would end by itself if nothing more came: the first whose timer
   * is just that, or the one with the least among the first few; 0 when there is none.
   */
  oldest(idleSecond: (row: number) => number): number {
    let candidate = 0;
    let least = Number.POSITIVE_INFINITY;
    let tries = 0;
    for (let s = this.nowSecond + 1; s < this.nowSecond + BUCKETS; s++)
      for (let row = this.#heads[s & BUCKET_MASK] as number; row !== 0; row = this.#next[row] as number) {
        const idle = idleSecond(row);
        if (idle <= s) return row;
        if (idle < least) {
          candidate = row;
          least = idle;
        }
        if (++tries >= EVICTION_TRIES) return candidate;
      }
    return candidate;
  }

  /** Any row, the ones that are due soonest first; 0 when there is none. */
  first(): number {
    while (this.#firstBucket < BUCKETS) {
      const row = this.#heads[(this.nowSecond + this.#firstBucket) & BUCKET_MASK] as number;
      if (row !== 0) return row;
      this.#firstBucket++;
    }
    this.#firstBucket = 0;
    return 0;
  }

  #lookAtBucket(bucket: number, look: (row: number) => void): void {
    let row = this.#heads[bucket] as number;
    this.#heads[bucket] = 0;
    while (row !== 0) {
      const next = this.#next[row] as number;
      look(row);
      row = next;
    }
  }
}

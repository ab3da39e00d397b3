import { BYTE_VALUES, type Counts, countBytes } from "../entropy/histogram.ts";
import { NOWHERE, type SamplePool } from "./sample-pool.ts";

const ROOM_SHIFT = Math.log2(BYTE_VALUES);
const CARRY_SHIFT = 8;

/**
 * Histograms in a pool, of 8 bits a byte value: half the memory of what the greatest of them need. Where a count passes 255, the
 * carry is counted in a second room, which few histograms of encrypted octets ever have.
 */
export class SmallCounts {
  readonly #pool: SamplePool;
  /** By the room's offset in rooms: offset of that of its carries. */
  readonly #carries: Int32Array;
  /** Octets are counted here first: it stays in the processor's first cache. */
  readonly #apart = new Uint16Array(BYTE_VALUES);

  constructor(pool: SamplePool) {
    this.#pool = pool;
    this.#carries = new Int32Array(pool.bytes.length / BYTE_VALUES);
  }

  /** Offset of an empty histogram; NOWHERE when the pool has no room. */
  begin(): number {
    const room = this.#pool.take(BYTE_VALUES);
    if (room !== NOWHERE) this.#zero(room);
    return room;
  }

  /** Adds the octets from `from` to `to`, 65,535 in all at most; false when there was no room for a carry. */
  count(room: number, octets: Uint8Array, from: number, to: number): boolean {
    const apart = this.#apart;
    countBytes(apart, 0, octets, from, to);
    const { bytes } = this.#pool;
    let isWhole = true;
    for (let i = 0; i < BYTE_VALUES; i++) {
      const count = (bytes[room + i] as number) + (apart[i] as number);
      bytes[room + i] = count;
      apart[i] = 0;
      if (count >= BYTE_VALUES && !this.#carry(room, i, count >> CARRY_SHIFT)) isWhole = false;
    }
    return isWhole;
  }

  /** Adds a histogram to `sum`, of 256 counts. */
  addTo(sum: Counts, room: number): void {
    const { bytes } = this.#pool;
    for (let i = 0; i < BYTE_VALUES; i++) sum[i] = (sum[i] as number) + (bytes[room + i] as number);
    const carries = this.#carriesOf(room);
    if (carries === NOWHERE) return;
    for (let i = 0; i < BYTE_VALUES; i++) sum[i] = (sum[i] as number) + BYTE_VALUES * (bytes[carries + i] as number);
  }

  /** Makes a histogram empty. */
  clear(room: number): void {
    this.#giveCarries(room);
    this.#zero(room);
  }

  give(room: number): void {
    if (room === NOWHERE) return;
    this.#giveCarries(room);
    this.#pool.give(room);
  }

  /** The count of a value has passed 255 so many times. */
  #carry(room: number, value: number, times: number): boolean {
    let carries = this.#carriesOf(room);
    if (carries === NOWHERE) {
      carries = this.#pool.take(BYTE_VALUES);
      if (carries === NOWHERE) return false;
      this.#zero(carries);
      this.#carries[room >> ROOM_SHIFT] = carries;
    }
    const { bytes } = this.#pool;
    bytes[carries + value] = (bytes[carries + value] as number) + times;
    return true;
  }

  #carriesOf(room: number): number {
    return this.#carries[room >> ROOM_SHIFT] as number;
  }

  #giveCarries(room: number): void {
    this.#pool.give(this.#carriesOf(room));
    this.#carries[room >> ROOM_SHIFT] = NOWHERE;
  }

  #zero(room: number): void {
    this.#pool.bytes.fill(0, room, room + BYTE_VALUES);
  }
}

/** Most that is handed out at once. */
export const SLOT_BYTES = 512;
/** Where nothing was handed out. */
export const NOWHERE = 0;

const SLOT_SHIFT = Math.log2(SLOT_BYTES);
/** A slot is handed out whole, in halves or in quarters: short messages need no more. */
const SIZES = [SLOT_BYTES / 4, SLOT_BYTES / 2, SLOT_BYTES] as const;
const WHOLE = 2;
const NO_SLOT = 0;

/**
 * Room for samples, handed out by offset in octets. A fixed number of slots, those that were given back last are taken first, so
 * that the memory in use stays small. A slot of which all parts are free is whole again.
 */
export class SamplePool {
  readonly bytes: Uint8Array;
  /** Octets handed out. */
  inUseBytes = 0;
  readonly slots: number;
  /** Of a free slot, the next that is; of one in parts of which some are free, its neighbours among those of its size. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Parts of a slot that are free, a bit each. */
  readonly #freeParts: Uint8Array;
  /** Index into SIZES. */
  readonly #sizeOf: Uint8Array;
  #free = NO_SLOT;
  #fresh = 1;
  /** First slot with free parts, by size. */
  readonly #withFreeParts = new Int32Array(WHOLE);

  constructor(slots: number) {
    this.bytes = new Uint8Array((slots + 1) * SLOT_BYTES);
    this.slots = slots;
    this.#next = new Int32Array(slots + 1);
    this.#previous = new Int32Array(slots + 1);
    this.#freeParts = new Uint8Array(slots + 1);
    this.#sizeOf = new Uint8Array(slots + 1).fill(WHOLE);
  }

  /** Offset of room for at least so many octets, at most SLOT_BYTES, with old content; NOWHERE when there is none. */
  take(wantedBytes: number): number {
    if (wantedBytes > SIZES[1]) return this.#takeWhole();
    return this.#takePart(wantedBytes > SIZES[0] ? 1 : 0);
  }

  /** Octets that were handed out at this offset. */
  roomBytes(offsetBytes: number): number {
    return SIZES[this.#sizeOf[offsetBytes >> SLOT_SHIFT] as 0 | 1 | 2];
  }

  give(offsetBytes: number): void {
    if (offsetBytes === NOWHERE) return;
    const slot = offsetBytes >> SLOT_SHIFT;
    const size = this.#sizeOf[slot] as 0 | 1 | 2;
    this.inUseBytes -= SIZES[size];
    if (size === WHOLE) this.#giveSlot(slot);
    else this.#givePart(slot, size, (offsetBytes & (SLOT_BYTES - 1)) / SIZES[size]);
  }

  #takeWhole(): number {
    const slot = this.#takeSlot();
    if (slot === NO_SLOT) return NOWHERE;
    this.inUseBytes += SLOT_BYTES;
    return slot * SLOT_BYTES;
  }

  #takePart(size: 0 | 1): number {
    let slot = this.#withFreeParts[size] as number;
    if (slot === NO_SLOT) {
      slot = this.#takeSlot();
      if (slot === NO_SLOT) return NOWHERE;
      this.#sizeOf[slot] = size;
      this.#freeParts[slot] = allFree(size);
      this.#link(slot, size);
    }
    const free = this.#freeParts[slot] as number;
    const part = 31 - Math.clz32(free & -free);
    const left = free & (free - 1);
    this.#freeParts[slot] = left;
    if (left === 0) this.#unlink(slot, size);
    this.inUseBytes += SIZES[size];
    return slot * SLOT_BYTES + part * SIZES[size];
  }

  #givePart(slot: number, size: 0 | 1, part: number): void {
    const before = this.#freeParts[slot] as number;
    const after = before | (1 << part);
    this.#freeParts[slot] = after;
    if (before === 0) this.#link(slot, size);
    if (after !== allFree(size)) return;
    this.#unlink(slot, size);
    this.#sizeOf[slot] = WHOLE;
    this.#giveSlot(slot);
  }

  #takeSlot(): number {
    const slot = this.#free;
    if (slot !== NO_SLOT) this.#free = this.#next[slot] as number;
    else if (this.#fresh <= this.slots) return this.#fresh++;
    return slot;
  }

  #giveSlot(slot: number): void {
    this.#next[slot] = this.#free;
    this.#free = slot;
  }

  #link(slot: number, size: number): void {
    const head = this.#withFreeParts[size] as number;
    this.#next[slot] = head;
    this.#previous[slot] = NO_SLOT;
    if (head !== NO_SLOT) this.#previous[head] = slot;
    this.#withFreeParts[size] = slot;
  }

  #unlink(slot: number, size: number): void {
    const next = this.#next[slot] as number;
    const previous = this.#previous[slot] as number;
    if (next !== NO_SLOT) this.#previous[next] = previous;
    if (previous === NO_SLOT) this.#withFreeParts[size] = next;
    else this.#next[previous] = next;
  }
}

/** One bit for each part. */
function allFree(size: 0 | 1): number {
  return size === 0 ? 0b1111 : 0b11;
}

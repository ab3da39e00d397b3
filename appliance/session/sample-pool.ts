/** Room for 512 raw octets, or for a histogram: 256 counts of 16 bits. */
export const SLOT_BYTES = 512;
export const NO_SLOT = 0;
/** What is never handed out serves whoever needs counts for a moment. */
export const SCRATCH_SLOT = NO_SLOT;

/**
 * A fixed number of slots, handed out last-freed-first, so that the memory in use stays small. Slot 0 is never handed
 * out. The raw octets of a slot and its counts are two views of the same memory.
 */
export class SamplePool {
  readonly raw: Uint8Array;
  readonly counts: Uint16Array;
  readonly #slots: number;
  readonly #nextFree: Int32Array;
  #free = NO_SLOT;
  #fresh = 1;
  inUse = 0;

  constructor(slots: number) {
    const memory = new ArrayBuffer((slots + 1) * SLOT_BYTES);
    this.raw = new Uint8Array(memory);
    this.counts = new Uint16Array(memory);
    this.#slots = slots;
    this.#nextFree = new Int32Array(slots + 1);
  }

  /** A slot with old content, or NO_SLOT when all are in use. */
  take(): number {
    let slot = this.#free;
    if (slot !== NO_SLOT) this.#free = this.#nextFree[slot] as number;
    else if (this.#fresh <= this.#slots) slot = this.#fresh++;
    else return NO_SLOT;
    this.inUse++;
    return slot;
  }

  give(slot: number): void {
    if (slot === NO_SLOT) return;
    this.#nextFree[slot] = this.#free;
    this.#free = slot;
    this.inUse--;
  }
}

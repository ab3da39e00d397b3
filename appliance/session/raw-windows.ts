import { NO_SLOT, SlotList } from "./sample-pool.ts";

/**
 * Octets of the samples that a closer look may be wanted at, as they came: a bounded number of slots, each long enough for
 * the octets from the start of a direction until it is known where its sample begins, and for the sample itself.
 */
export class RawWindows {
  readonly bytes: Uint8Array;
  readonly #slots: SlotList;
  readonly #slotBytes: number;

  constructor(slots: number, slotBytes: number) {
    this.bytes = new Uint8Array((slots + 1) * slotBytes);
    this.#slots = new SlotList(slots);
    this.#slotBytes = slotBytes;
  }

  get inUse(): number {
    return this.#slots.inUse;
  }

  /** A slot with old content, or NO_SLOT when all are in use. */
  take(): number {
    return this.#slots.take();
  }

  give(slot: number): void {
    if (slot !== NO_SLOT) this.#slots.give(slot);
  }

  /** Where the octets of a slot begin. */
  offsetOf(slot: number): number {
    return slot * this.#slotBytes;
  }

  /** Puts octets at `place` of a slot; what is beyond its end is left out. */
  put(slot: number, place: number, source: Uint8Array, from: number, to: number): void {
    const { bytes } = this;
    const start = this.offsetOf(slot) + place;
    const length = Math.min(to - from, this.#slotBytes - place);
    for (let i = 0; i < length; i++) bytes[start + i] = source[from + i] as number;
  }

  /** The octets before `place` are no longer wanted; those up to `end` move to the front. */
  shift(slot: number, place: number, end: number): void {
    const start = this.offsetOf(slot);
    this.bytes.copyWithin(start, start + place, start + Math.min(end, this.#slotBytes));
  }
}

export const NO_RECORD = -1;

/** Words before a fragment's octets: owner, the record before it of the same owner, offset in the datagram, octets. */
const HEADER_WORDS = 4;
const OWNER = 0;
const PREVIOUS = 1;
const OFFSET = 2;
const OCTETS = 3;
/** Owner of what may be written over. */
const NOBODY = -1;

const HEADER_BYTES = 4 * HEADER_WORDS;

/**
 * Octets of fragments, one behind the other in a ring that never grows. Where it is full, the owner of the oldest record is
 * evicted: a fragment costs as much room as it has octets, and nothing is searched for. A record lies in one piece.
 */
export class FragmentRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #evict: (owner: number) => void;
  /** In words. */
  #head = 0;
  #tail = 0;
  #used = 0;

  /** `evict` must release what the owner has. `capacityBytes` must have room for two of the longest records. */
  constructor(capacityBytes: number, evict: (owner: number) => void) {
    this.#words = new Int32Array(HEADER_WORDS * Math.floor(capacityBytes / HEADER_BYTES));
    this.#bytes = new Uint8Array(this.#words.buffer);
    this.#evict = evict;
  }

  get usedBytes(): number {
    return 4 * this.#used;
  }

  /** Evicts until a record of `octets` fits. */
  makeRoom(octets: number): void {
    const words = recordWords(octets);
    for (;;) {
      const toEnd = this.#words.length - this.#head;
      const needed = words <= toEnd ? words : toEnd + words;
      if (this.#words.length - this.#used >= needed) return;
      this.#dropOldest();
    }
  }

  /** Keeps `bytes[from]` to `bytes[to - 1]`, for which room was made; returns the record. */
  add(owner: number, previous: number, offset: number, bytes: Uint8Array, from: number, to: number): number {
    const words = recordWords(to - from);
    const toEnd = this.#words.length - this.#head;
    if (words > toEnd) {
      this.#write(toEnd, NOBODY, NO_RECORD, 0, 4 * toEnd - HEADER_BYTES);
      this.#head = 0;
    }
    const record = this.#head;
    this.#write(words, owner, previous, offset, to - from);
    // a view costs less than a loop over the octets of a full frame
    this.#bytes.set(bytes.subarray(from, to), 4 * record + HEADER_BYTES);
    return record;
  }

  previousOf(record: number): number {
    return this.#words[record + PREVIOUS] as number;
  }

  octetsOf(record: number): number {
    return this.#words[record + OCTETS] as number;
  }

  /** Copies at most `maxOctets` of a record to its place in the datagram whose payload starts at `target[at]`; returns how many. */
  copy(record: number, target: Uint8Array, at: number, maxOctets = 0xffff): number {
    const octets = Math.min(this.octetsOf(record), maxOctets);
    const from = 4 * record + HEADER_BYTES;
    target.set(this.#bytes.subarray(from, from + octets), at + (this.#words[record + OFFSET] as number));
    return octets;
  }

  /** Gives back a record and all before it of the same owner. */
  release(last: number): void {
    for (let record = last; record !== NO_RECORD; record = this.previousOf(record)) this.#words[record] = NOBODY;
    while (this.#used > 0 && this.#words[this.#tail + OWNER] === NOBODY) this.#passTail();
  }

  #dropOldest(): void {
    const owner = this.#words[this.#tail + OWNER] as number;
    if (owner === NOBODY) this.#passTail();
    else this.#evict(owner);
  }

  #passTail(): void {
    const words = recordWords(this.octetsOf(this.#tail));
    this.#used -= words;
    this.#tail += words;
    if (this.#tail === this.#words.length) this.#tail = 0;
    if (this.#used === 0) {
      // few pages are touched where few fragments come
      this.#head = 0;
      this.#tail = 0;
    }
  }

  #write(words: number, owner: number, previous: number, offset: number, octets: number): void {
    const at = this.#head;
    this.#words[at + OWNER] = owner;
    this.#words[at + PREVIOUS] = previous;
    this.#words[at + OFFSET] = offset;
    this.#words[at + OCTETS] = octets;
    this.#used += words;
    this.#head = at + words === this.#words.length ? 0 : at + words;
  }
}

/** Whole multiples of a header's length, so that what is left at the end of the ring has room for one. */
function recordWords(octets: number): number {
  return HEADER_WORDS * (1 + Math.ceil(octets / HEADER_BYTES));
}

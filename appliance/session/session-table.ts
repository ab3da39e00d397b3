import { HalfSipHash } from "../decode/half-siphash.ts";
import { KEY_WORDS, keyWords } from "./five-tuple.ts";

/** Row 0 stands for "no session". */
export const NO_ROW = 0;

/**
 * A session is a row of 192 octets, three lines of a processor's cache: what finds it, what every packet changes, and what
 * is looked at now and then. Offsets in words (`words`, int32) or in numbers (`numbers`, float64, two words each) from the
 * row's start; where both directions have one, that of side 0, the low endpoint, comes first.
 */
export const ROW_WORDS = 48;
export const ROW_NUMBERS = ROW_WORDS / 2;

/** KEY_WORDS words: see five-tuple.ts. */
export const KEY = 0;
/** Bits below. */
export const STATE = 10;
/** Control bits of TCP seen: side 0 in the lowest octet, side 1 in the next. */
export const FLAGS = 11;
/** Hash of the key; of a free row, the next that is free. */
const HASH = 12;
/** Number: Unix microseconds of the last packet. */
export const END = 7;

/** Numbers. */
export const PACKETS = 8;
/** Numbers: octets of IP packets. */
export const BYTES = 10;
/** TCP: the sequence number that comes next, while STATE_SEQUENCE_KNOWN. */
export const NEXT_SEQUENCE = 24;
/** TCP: sequence number of the SYN, while STATE_SYN_SEEN. */
export const SYN_SEQUENCE = 26;
/** Segments and datagrams with payload, up to CHUNKS_MAX. */
export const CHUNKS = 28;
/** Index into PROTOCOLS of entropy/recognise-protocol.ts. */
export const PROTOCOL = 30;
/** IEEE 802.1Q identifier of the first packet, -1 without. */
export const VLAN = 31;

/** Numbers. */
export const ID = 16;
/** Number: Unix microseconds of the last record that was given out; 0: none yet. */
export const REPORTED_AT = 17;
/** Number: Unix second at which a session that goes on is reported again. */
export const REPORT_DUE = 18;
/** TCP: sequence number of the first octet that was taken. */
export const FIRST_SEQUENCE = 38;
/** Number: Unix microseconds of the first packet. */
export const START = 20;

/** The opener is side 1. */
export const STATE_OPENER = 1;
/** ... and a SYN said so. */
export const STATE_OPENER_CERTAIN = 2;
/** Bits of side 0; those of side 1 are shifted left by one. */
export const STATE_SYN_SEEN = 4;
export const STATE_SEQUENCE_KNOWN = 16;
/** There are segments that wait for a hole before them to be filled. */
export const STATE_HELD = 64;
/** An alarm was raised because nothing explains that it is encrypted. */
export const STATE_UNEXPLAINED = 256;
/** ... because its entropy left the profile of its protocol. */
export const STATE_PROFILE_LEFT = 1024;
/** A SYN of another session waits for its answer: see waiting-syns.ts; one bit for both sides. */
export const STATE_SYN_WAITS = 4096;

/** Slots to begin with; a power of 2. */
const SLOTS_FIRST = 1024;

/**
 * Sessions by five-tuple, in an open-addressing hash table (linear probing, removal by backward shift, at most half full).
 * The memory of rows is reserved at once; the system commits it as rows are used, and freed rows are used first. The slots
 * grow with the sessions that there are, so that those of few lie close together.
 */
export class SessionTable {
  readonly maxSessions: number;
  size = 0;
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly #hash: HalfSipHash;
  /** Rows. */
  #slots = new Int32Array(SLOTS_FIRST);
  #slotMask = SLOTS_FIRST - 1;
  /** Stack of free rows below `#fresh`. */
  #free = NO_ROW;
  #fresh = 1;

  constructor(maxSessions: number, seed: Uint8Array) {
    this.maxSessions = maxSessions;
    const rows = maxSessions + 1;
    const memory = new ArrayBuffer(rows * ROW_WORDS * 4);
    this.words = new Int32Array(memory);
    this.numbers = new Float64Array(memory);
    this.#hash = new HalfSipHash(seed);
  }

  full(): boolean {
    return this.size >= this.maxSessions;
  }

  hashOf(key: Int32Array): number {
    return this.#hash.hash(key, 0, keyWords(key[0] as number));
  }

  find(key: Int32Array, hash: number): number {
    const slots = this.#slots;
    const { words } = this;
    for (let slot = hash & this.#slotMask; ; slot = (slot + 1) & this.#slotMask) {
      const row = slots[slot] as number;
      if (row === NO_ROW) return NO_ROW;
      if (words[row * ROW_WORDS + HASH] === hash && this.#sameKey(row, key)) return row;
    }
  }

  /** A cleared row for a key that is not in the table, which must not be full. */
  add(key: Int32Array, hash: number): number {
    if (2 * (this.size + 1) > this.#slots.length) this.#growSlots();
    const row = this.#takeRow();
    const { words } = this;
    const base = row * ROW_WORDS;
    for (let i = KEY_WORDS; i < ROW_WORDS; i++) words[base + i] = 0;
    for (let i = 0; i < KEY_WORDS; i++) words[base + KEY + i] = key[i] as number;
    words[base + HASH] = hash;
    this.#putInSlot(row, hash);
    this.size++;
    return row;
  }

  /** To what a side of the row has sent. */
  addPackets(row: number, side: number, packets: number, bytes: number): void {
    const { numbers } = this;
    const base = row * ROW_NUMBERS + side;
    numbers[base + PACKETS] = (numbers[base + PACKETS] as number) + packets;
    numbers[base + BYTES] = (numbers[base + BYTES] as number) + bytes;
  }

  remove(row: number): void {
    const { words } = this;
    const mask = this.#slotMask;
    const slots = this.#slots;
    let hole = (words[row * ROW_WORDS + HASH] as number) & mask;
    while (slots[hole] !== row) hole = (hole + 1) & mask;
    // Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R
    for (let slot = (hole + 1) & mask; slots[slot] !== NO_ROW; slot = (slot + 1) & mask) {
      const moved = slots[slot] as number;
      const home = (words[moved * ROW_WORDS + HASH] as number) & mask;
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        slots[hole] = moved;
        hole = slot;
      }
    }
    slots[hole] = NO_ROW;
    words[row * ROW_WORDS + HASH] = this.#free;
    this.#free = row;
    this.size--;
  }

  #growSlots(): void {
    const rows = this.#slots;
    this.#slots = new Int32Array(2 * rows.length);
    this.#slotMask = this.#slots.length - 1;
    for (const row of rows) if (row !== NO_ROW) this.#putInSlot(row, this.words[row * ROW_WORDS + HASH] as number);
  }

  #putInSlot(row: number, hash: number): void {
    let slot = hash & this.#slotMask;
    while (this.#slots[slot] !== NO_ROW) slot = (slot + 1) & this.#slotMask;
    this.#slots[slot] = row;
  }

  #takeRow(): number {
    if (this.#free === NO_ROW) return this.#fresh++;
    const row = this.#free;
    this.#free = this.words[row * ROW_WORDS + HASH] as number;
    return row;
  }

  #sameKey(row: number, key: Int32Array): boolean {
    const base = row * ROW_WORDS + KEY;
    const count = keyWords(key[0] as number);
    for (let i = 0; i < count; i++) if (this.words[base + i] !== key[i]) return false;
    return true;
  }
}

import { KEY_WORDS } from "./five-tuple.ts";
import { HalfSipHash } from "./half-siphash.ts";

/** Row 0 stands for "no session". */
export const NO_ROW = 0;

/**
 * Sessions as rows of typed arrays, found by five-tuple through an open-addressing hash table (linear probing, removal
 * by backward shift, at most half full). All memory is reserved at once; the system commits it as rows are used, and
 * freed rows are used first. Columns of a direction are at `2 * row + side`, side 0 being the low endpoint.
 */
export class SessionTable {
  readonly maxSessions: number;
  size = 0;

  /** KEY_WORDS words a row. */
  readonly keys: Int32Array;
  readonly id: Float64Array;
  /** Unix microseconds. */
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** Unix microseconds of the last record that was given out; 0: none yet. */
  readonly reportedAt: Float64Array;
  /** Unix second at which a session that goes on is reported again. */
  readonly reportDue: Float64Array;
  readonly vlan: Int16Array;
  /** Index into PROTOCOLS of entropy/recognise-protocol.ts. */
  readonly protocol: Uint8Array;
  /** Side of the opener, and how that is known: see opener.ts. */
  readonly opener: Uint8Array;
  readonly openerCertain: Uint8Array;

  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  readonly flags: Uint8Array;
  /** TCP: sequence number of the SYN, while `synSeen`. */
  readonly synSequence: Int32Array;
  readonly synSeen: Uint8Array;
  /** TCP: the sequence number that comes next, while `sequenceKnown`. */
  readonly nextSequence: Int32Array;
  readonly sequenceKnown: Uint8Array;
  /** TCP: sequence number at which the last HTTP request stood, while `requestSeen`. */
  readonly requestSequence: Int32Array;
  readonly requestSeen: Uint8Array;

  readonly #hash: HalfSipHash;
  readonly #hashes: Int32Array;
  readonly #slots: Int32Array;
  readonly #slotMask: number;
  /** Stack of free rows below `#fresh`, linked through this. */
  readonly #nextFree: Int32Array;
  #free = NO_ROW;
  #fresh = 1;

  constructor(maxSessions: number, seed: Uint8Array) {
    this.maxSessions = maxSessions;
    const rows = maxSessions + 1;
    this.keys = new Int32Array(rows * KEY_WORDS);
    this.id = new Float64Array(rows);
    this.start = new Float64Array(rows);
    this.end = new Float64Array(rows);
    this.reportedAt = new Float64Array(rows);
    this.reportDue = new Float64Array(rows);
    this.vlan = new Int16Array(rows);
    this.protocol = new Uint8Array(rows);
    this.opener = new Uint8Array(rows);
    this.openerCertain = new Uint8Array(rows);
    this.packets = new Float64Array(2 * rows);
    this.bytes = new Float64Array(2 * rows);
    this.flags = new Uint8Array(2 * rows);
    this.synSequence = new Int32Array(2 * rows);
    this.synSeen = new Uint8Array(2 * rows);
    this.nextSequence = new Int32Array(2 * rows);
    this.sequenceKnown = new Uint8Array(2 * rows);
    this.requestSequence = new Int32Array(2 * rows);
    this.requestSeen = new Uint8Array(2 * rows);
    this.#hash = new HalfSipHash(seed);
    this.#hashes = new Int32Array(rows);
    this.#nextFree = new Int32Array(rows);
    let slots = 1024;
    while (slots < 2 * rows) slots *= 2;
    this.#slots = new Int32Array(slots);
    this.#slotMask = slots - 1;
  }

  full(): boolean {
    return this.size >= this.maxSessions;
  }

  hashOf(key: Int32Array): number {
    return this.#hash.hash(key, 0, KEY_WORDS);
  }

  find(key: Int32Array, hash: number): number {
    for (let slot = hash & this.#slotMask; ; slot = (slot + 1) & this.#slotMask) {
      const row = this.#slots[slot] as number;
      if (row === NO_ROW) return NO_ROW;
      if (this.#hashes[row] === hash && this.#sameKey(row, key)) return row;
    }
  }

  /** A cleared row for a key that is not in the table, which must not be full. */
  add(key: Int32Array, hash: number): number {
    const row = this.#takeRow();
    const base = row * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) this.keys[base + i] = key[i] as number;
    this.#hashes[row] = hash;
    let slot = hash & this.#slotMask;
    while (this.#slots[slot] !== NO_ROW) slot = (slot + 1) & this.#slotMask;
    this.#slots[slot] = row;
    this.size++;
    this.reportedAt[row] = 0;
    this.protocol[row] = 0;
    this.opener[row] = 0;
    this.openerCertain[row] = 0;
    for (let at = 2 * row; at < 2 * row + 2; at++) {
      this.packets[at] = 0;
      this.bytes[at] = 0;
      this.flags[at] = 0;
      this.synSeen[at] = 0;
      this.sequenceKnown[at] = 0;
      this.requestSeen[at] = 0;
    }
    return row;
  }

  remove(row: number): void {
    const mask = this.#slotMask;
    let hole = (this.#hashes[row] as number) & mask;
    while (this.#slots[hole] !== row) hole = (hole + 1) & mask;
    // Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R
    for (let slot = (hole + 1) & mask; this.#slots[slot] !== NO_ROW; slot = (slot + 1) & mask) {
      const home = (this.#hashes[this.#slots[slot] as number] as number) & mask;
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        this.#slots[hole] = this.#slots[slot] as number;
        hole = slot;
      }
    }
    this.#slots[hole] = NO_ROW;
    this.#nextFree[row] = this.#free;
    this.#free = row;
    this.size--;
  }

  #takeRow(): number {
    if (this.#free === NO_ROW) return this.#fresh++;
    const row = this.#free;
    this.#free = this.#nextFree[row] as number;
    return row;
  }

  #sameKey(row: number, key: Int32Array): boolean {
    const base = row * KEY_WORDS;
    for (let i = KEY_WORDS - 1; i >= 0; i--) if (this.keys[base + i] !== key[i]) return false;
    return true;
  }
}

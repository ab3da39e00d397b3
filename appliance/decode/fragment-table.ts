import { NO_RECORD } from "./fragment-ring.ts";
import { HalfSipHash } from "./half-siphash.ts";
import type { Packet } from "./packet.ts";

export const NO_SLOT = -1;

/** An IPv4 header with its options; of IPv6 the fixed header is kept. */
export const HEADER_MAX_BYTES = 60;

/** Two addresses of four words, identification, protocol and IP version. */
const KEY_WORDS = 10;
const IDENTIFICATION = 8;
const PROTOCOL = 9;
/** Of 8 octets, the unit of fragment offsets: one bit for each in a datagram of 65,536. */
const UNITS_WORDS = 256;

/** What a datagram takes here, beside the octets of its fragments. */
export const SLOT_BYTES = 4 * (KEY_WORDS + UNITS_WORDS) + HEADER_MAX_BYTES + 128;

/**
 * Datagrams of which fragments came, as rows of typed arrays. They are found by a keyed hash, and listed from the one that was
 * opened first to the last: all are given the same time.
 */
export class FragmentTable {
  readonly maxDatagrams: number;
  /** When the first and the latest fragment came, Unix microseconds. */
  readonly opened: Float64Array;
  readonly latest: Float64Array;
  /** Octets of payload, -1 until the last fragment is there. */
  readonly totalOctets: Int32Array;
  /** End of the payload as far as it is known. */
  readonly reachOctets: Int32Array;
  /** What lies behind this was cut off in some fragment. */
  readonly capturedOctets: Int32Array;
  /** Units of 8 octets that are there. */
  readonly units: Int32Array;
  readonly frames: Int32Array;
  /** Of IP packets, headers included. */
  readonly ipBytes: Float64Array;
  readonly lastRecord: Int32Array;
  /** Record of the fragment with offset 0. */
  readonly firstRecord: Int32Array;
  /** Of the first fragment. */
  readonly vlan: Int32Array;
  readonly protocol: Int32Array;
  readonly headerBytes: Int32Array;
  /** 1 when fragments that overlap had it given up (RFC 5722): what still comes belongs to it, and is dropped. */
  readonly discarded: Uint8Array;
  readonly #headers: Uint8Array;
  readonly #keys: Int32Array;
  readonly #covered: Int32Array;
  readonly #hash: HalfSipHash;
  readonly #key = new Int32Array(KEY_WORDS);
  readonly #buckets: Int32Array;
  readonly #bucketOf: Int32Array;
  /** Of the same bucket; of the free list. */
  readonly #next: Int32Array;
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  #oldest = NO_SLOT;
  #newest = NO_SLOT;
  #free = 0;
  #size = 0;

  constructor(maxDatagrams: number, seed: Uint8Array) {
    const words = () => new Int32Array(maxDatagrams);
    this.maxDatagrams = maxDatagrams;
    this.opened = new Float64Array(maxDatagrams);
    this.latest = new Float64Array(maxDatagrams);
    this.totalOctets = words();
    this.reachOctets = words();
    this.capturedOctets = words();
    this.units = words();
    this.frames = words();
    this.ipBytes = new Float64Array(maxDatagrams);
    this.lastRecord = words();
    this.firstRecord = words();
    this.vlan = words();
    this.protocol = words();
    this.headerBytes = words();
    this.discarded = new Uint8Array(maxDatagrams);
    this.#headers = new Uint8Array(HEADER_MAX_BYTES * maxDatagrams);
    this.#keys = new Int32Array(KEY_WORDS * maxDatagrams);
    this.#covered = new Int32Array(UNITS_WORDS * maxDatagrams);
    this.#hash = new HalfSipHash(seed);
    this.#buckets = new Int32Array(1 << (32 - Math.clz32(maxDatagrams))).fill(NO_SLOT);
    this.#bucketOf = words();
    this.#next = Int32Array.from({ length: maxDatagrams }, (_, slot) => (slot + 1 < maxDatagrams ? slot + 1 : NO_SLOT));
    this.#older = words();
    this.#newer = words();
  }

  get size(): number {
    return this.#size;
  }

  /** The datagram that was opened first; NO_SLOT when there is none. */
  get oldest(): number {
    return this.#oldest;
  }

  full(): boolean {
    return this.#free === NO_SLOT;
  }

  /**
   * The datagram to which the packet at hand belongs, or NO_SLOT. RFC 791, section 2.3: source, destination, protocol and
   * identification name it; RFC 8200, section 4.5: without the protocol, which is 0 here. VLAN and tunnel are left out, as
   * fragments of one datagram may come by several ways.
   */
  find(packet: Packet, identification: number, protocol: number): number {
    const key = this.#key;
    const addressWords = packet.ipVersion === 4 ? 1 : 4;
    for (let i = 0; i < 4; i++) {
      key[i] = i < addressWords ? wordAt(packet.bytes, packet.sourceAddressAt + 4 * i) : 0;
      key[4 + i] = i < addressWords ? wordAt(packet.bytes, packet.destinationAddressAt + 4 * i) : 0;
    }
    key[IDENTIFICATION] = identification;
    key[PROTOCOL] = (protocol << 8) | packet.ipVersion;
    const bucket = this.#hash.hash(key, 0, KEY_WORDS) & (this.#buckets.length - 1);
    for (let slot = this.#buckets[bucket] as number; slot !== NO_SLOT; slot = this.#next[slot] as number)
      if (this.#holds(slot)) return slot;
    return NO_SLOT;
  }

  /** Opens the datagram that `find` looked for last. The table must not be full. */
  open(timeUs: number): number {
    const slot = this.#free;
    this.#free = this.#next[slot] as number;
    this.#size++;
    this.#keys.set(this.#key, KEY_WORDS * slot);
    const bucket = this.#hash.hash(this.#key, 0, KEY_WORDS) & (this.#buckets.length - 1);
    this.#bucketOf[slot] = bucket;
    this.#next[slot] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = slot;
    this.#older[slot] = this.#newest;
    this.#newer[slot] = NO_SLOT;
    if (this.#newest === NO_SLOT) this.#oldest = slot;
    else this.#newer[this.#newest] = slot;
    this.#newest = slot;
    this.opened[slot] = timeUs;
    this.latest[slot] = timeUs;
    this.totalOctets[slot] = -1;
    this.reachOctets[slot] = 0;
    this.capturedOctets[slot] = 0x7fff_ffff;
    this.units[slot] = 0;
    this.frames[slot] = 0;
    this.ipBytes[slot] = 0;
    this.lastRecord[slot] = NO_RECORD;
    this.firstRecord[slot] = NO_RECORD;
    this.discarded[slot] = 0;
    return slot;
  }

  remove(slot: number): void {
    const bucket = this.#bucketOf[slot] as number;
    if (this.#buckets[bucket] === slot) this.#buckets[bucket] = this.#next[slot] as number;
    else {
      let before = this.#buckets[bucket] as number;
      while (this.#next[before] !== slot) before = this.#next[before] as number;
      this.#next[before] = this.#next[slot] as number;
    }
    const older = this.#older[slot] as number;
    const newer = this.#newer[slot] as number;
    if (older === NO_SLOT) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NO_SLOT) this.#newest = older;
    else this.#older[newer] = older;
    const covered = UNITS_WORDS * slot;
    this.#covered.fill(0, covered, covered + Math.min(UNITS_WORDS, ((this.reachOctets[slot] as number) >> 8) + 1));
    this.#next[slot] = this.#free;
    this.#free = slot;
    this.#size--;
  }

  /** Marks octets as being there; returns how many units of 8 octets of them were not yet. */
  cover(slot: number, fromOctet: number, toOctet: number): number {
    const from = fromOctet >> 3;
    const to = (toOctet + 7) >> 3;
    if (toOctet > (this.reachOctets[slot] as number)) this.reachOctets[slot] = toOctet;
    let fresh = 0;
    for (let unit = from; unit < to; unit = (unit | 31) + 1) {
      const at = UNITS_WORDS * slot + (unit >> 5);
      const upTo = to - (unit & ~31);
      const mask = (-1 << (unit & 31)) & (upTo >= 32 ? -1 : (1 << upTo) - 1);
      const word = this.#covered[at] as number;
      fresh += countBits(mask & ~word);
      this.#covered[at] = word | mask;
    }
    this.units[slot] = (this.units[slot] as number) + fresh;
    return fresh;
  }

  keepHeader(slot: number, bytes: Uint8Array, from: number, headerBytes: number): void {
    const at = HEADER_MAX_BYTES * slot;
    this.headerBytes[slot] = headerBytes;
    for (let i = 0; i < headerBytes; i++) this.#headers[at + i] = bytes[from + i] as number;
  }

  /** Copies the header so that it ends before `target[end]`. */
  copyHeader(slot: number, target: Uint8Array, end: number): void {
    const headerBytes = this.headerBytes[slot] as number;
    const at = HEADER_MAX_BYTES * slot;
    for (let i = 0; i < headerBytes; i++) target[end - headerBytes + i] = this.#headers[at + i] as number;
  }

  ipVersionOf(slot: number): number {
    return (this.#keys[KEY_WORDS * slot + PROTOCOL] as number) & 0xff;
  }

  #holds(slot: number): boolean {
    const at = KEY_WORDS * slot;
    for (let i = 0; i < KEY_WORDS; i++) if (this.#keys[at + i] !== this.#key[i]) return false;
    return true;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

function countBits(word: number): number {
  let n = word - ((word >>> 1) & 0x5555_5555);
  n = (n & 0x3333_3333) + ((n >>> 2) & 0x3333_3333);
  n = (n + (n >>> 4)) & 0x0f0f_0f0f;
  return Math.imul(n, 0x0101_0101) >>> 24;
}

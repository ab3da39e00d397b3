import type { FragmentRing } from "./fragment-ring.ts";
import { type FragmentTable, HEADER_MAX_BYTES } from "./fragment-table.ts";

/** Datagrams that were given up while another packet was at hand, until they are looked at. */
const EXPIRED_MAX = 32;
/** Octets of payload that are kept of each: a full Ethernet frame has room. */
const PAYLOAD_MAX_BYTES = 2048;
const ENTRY_BYTES = HEADER_MAX_BYTES + PAYLOAD_MAX_BYTES;

/** What the first fragment of a datagram says of it. */
export class FirstFragment {
  ipVersion = 0;
  protocol = 0;
  vlan = -1;
  headerBytes = 0;
  /** Octets of payload that are there, and that are known to have been sent. */
  octets = 0;
  reachOctets = 0;
  ipBytes = 0;
  frames = 0;
  /** Unix microseconds of the latest fragment. */
  timeUs = 0;

  readSlot(table: FragmentTable, slot: number): void {
    this.ipVersion = table.ipVersionOf(slot);
    this.protocol = table.protocol[slot] as number;
    this.vlan = table.vlan[slot] as number;
    this.headerBytes = table.headerBytes[slot] as number;
    this.reachOctets = table.reachOctets[slot] as number;
    this.ipBytes = table.ipBytes[slot] as number;
    this.frames = table.frames[slot] as number;
    this.timeUs = table.latest[slot] as number;
  }

  copyFrom(other: FirstFragment): void {
    this.ipVersion = other.ipVersion;
    this.protocol = other.protocol;
    this.vlan = other.vlan;
    this.headerBytes = other.headerBytes;
    this.octets = other.octets;
    this.reachOctets = other.reachOctets;
    this.ipBytes = other.ipBytes;
    this.frames = other.frames;
    this.timeUs = other.timeUs;
  }
}

/** First in, first out. */
export class ExpiredFragments {
  readonly #bytes = new Uint8Array(EXPIRED_MAX * ENTRY_BYTES);
  readonly #entries = Array.from({ length: EXPIRED_MAX }, () => new FirstFragment());
  #from = 0;
  #count = 0;

  static readonly BYTES = EXPIRED_MAX * ENTRY_BYTES;

  get count(): number {
    return this.#count;
  }

  /** False when there is no room. */
  put(table: FragmentTable, ring: FragmentRing, slot: number): boolean {
    const index = (this.#from + this.#count) % EXPIRED_MAX;
    const entry = this.#entries[index];
    if (entry === undefined || this.#count === EXPIRED_MAX) return false;
    const payloadAt = index * ENTRY_BYTES + HEADER_MAX_BYTES;
    entry.readSlot(table, slot);
    table.copyHeader(slot, this.#bytes, payloadAt);
    entry.octets = ring.copy(table.firstRecord[slot] as number, this.#bytes, payloadAt, PAYLOAD_MAX_BYTES);
    this.#count++;
    return true;
  }

  /** Takes the next one, with its header before and its payload from `target[at]` on; false when there is none. */
  take(into: FirstFragment, target: Uint8Array, at: number): boolean {
    const entry = this.#entries[this.#from];
    if (entry === undefined || this.#count === 0) return false;
    into.copyFrom(entry);
    const from = this.#from * ENTRY_BYTES;
    target.set(this.#bytes.subarray(from, from + HEADER_MAX_BYTES + entry.octets), at - HEADER_MAX_BYTES);
    this.#from = (this.#from + 1) % EXPIRED_MAX;
    this.#count--;
    return true;
  }
}

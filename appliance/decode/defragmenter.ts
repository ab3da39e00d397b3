import { ExpiredFragments, FirstFragment } from "./expired-fragments.ts";
import { FragmentRing, NO_RECORD } from "./fragment-ring.ts";
import { FragmentTable, HEADER_MAX_BYTES, NO_SLOT, SLOT_BYTES } from "./fragment-table.ts";
import type { Packet, PacketDefragmenter } from "./packet.ts";

export interface DefragmenterLimits {
  /** Of memory in all: octets of fragments and what is known of their datagrams. At least `DEFRAGMENTER_MIN_BYTES` for octets. */
  readonly maxBytes: number;
  /** Datagrams that wait for fragments. */
  readonly maxDatagrams: number;
  /** From the first fragment that came: RFC 8200, section 4.5, has 60, Linux 30. */
  readonly timeoutSeconds: number;
}

export const DEFRAGMENTER_LIMITS: DefragmenterLimits = {
  maxBytes: 8 * 1024 * 1024,
  maxDatagrams: 2048,
  timeoutSeconds: 30,
};

export interface DefragmenterCounters {
  /** All that came, also those that were dropped. */
  fragments: number;
  datagramsReassembled: number;
  datagramsTimedOut: number;
  /** Given up for want of room. */
  datagramsEvicted: number;
  /** Fragments of which a part was there already, but not all. */
  fragmentOverlaps: number;
  /** Fragments of which everything was there already. */
  fragmentDuplicates: number;
  /** Fragments that are too long, too short, or contradict where the datagram ends: dropped. */
  fragmentsInconsistent: number;
  /** First fragments of datagrams that were given up, and that nobody looked at for want of room. */
  fragmentsNotLookedAt: number;
}

export function zeroDefragmenterCounters(): DefragmenterCounters {
  return {
    fragments: 0,
    datagramsReassembled: 0,
    datagramsTimedOut: 0,
    datagramsEvicted: 0,
    fragmentOverlaps: 0,
    fragmentDuplicates: 0,
    fragmentsInconsistent: 0,
    fragmentsNotLookedAt: 0,
  };
}

/** Room for octets of fragments at the least: two datagrams of full length, in pieces of any size. */
export const DEFRAGMENTER_MIN_BYTES = 512 * 1024;

const DATAGRAM_MAX_BYTES = 0xffff;
/** Where the payload of a reassembled datagram starts; its header ends there. */
const PAYLOAD_AT = HEADER_MAX_BYTES;
const IPV4_SOURCE_AT = 12;
const IPV6_SOURCE_AT = 8;
const IPV6_HEADER_BYTES = 40;
const SECOND_US = 1_000_000;
/** A fragment that comes again after this is one of another datagram with the same identification (RFC 4963). */
const REUSE_US = SECOND_US;

/**
 * Puts IPv4 and IPv6 datagrams together. Where fragments of IPv4 overlap, what came first stays, so that nothing that was
 * taken can be changed afterwards; RFC 791 leaves it open, and present systems drop such a datagram. Where those of IPv6
 * overlap, the datagram is dropped (RFC 5722), with all that still comes of it. A fragment that brings nothing new is a
 * duplicate. Nothing is allocated but views for copying; a fragment costs its octets and no search, whatever else waits.
 *
 * One belongs to each `Packet` that wants it. Whoever holds them sets `nowUs` before a frame is decoded, and looks at what
 * was given up by `decodeExpired` of frame.ts after it.
 */
export class Defragmenter implements PacketDefragmenter {
  readonly counters: DefragmenterCounters;
  /** Unix microseconds of the frame at hand. */
  nowUs = 0;
  /** Of the latest fragment of the datagram that `takeExpired` gave. */
  expiredAtUs = 0;
  readonly #timeoutUs: number;
  readonly #table: FragmentTable;
  readonly #ring: FragmentRing;
  readonly #expired = new ExpiredFragments();
  readonly #first = new FirstFragment();
  /** The datagram that was put together last. */
  readonly #datagram = new Uint8Array(PAYLOAD_AT + DATAGRAM_MAX_BYTES + 1);

  /** `seed`: at least 8 random octets. */
  constructor(limits: DefragmenterLimits, seed: Uint8Array, counters = zeroDefragmenterCounters()) {
    this.counters = counters;
    const fixedBytes = ExpiredFragments.BYTES + this.#datagram.length + limits.maxDatagrams * SLOT_BYTES;
    this.#timeoutUs = limits.timeoutSeconds * SECOND_US;
    this.#table = new FragmentTable(limits.maxDatagrams, seed);
    this.#ring = new FragmentRing(Math.max(DEFRAGMENTER_MIN_BYTES, limits.maxBytes - fixedBytes), (slot) =>
      this.#giveUp(slot),
    );
  }

  /** Datagrams that wait for fragments. */
  get waiting(): number {
    return this.#table.size;
  }

  /** Octets of fragments at hand. */
  get heldBytes(): number {
    return this.#ring.usedBytes;
  }

  add(packet: Packet, identification: number, protocol: number, offset: number, more: boolean): boolean {
    this.counters.fragments++;
    const octets = this.#octetsOf(packet, offset, more);
    if (octets < 0) {
      this.counters.fragmentsInconsistent++;
      packet.malformed = true;
      return false;
    }
    const captured = Math.max(0, Math.min(octets, packet.end - packet.offset));
    this.#ring.makeRoom(captured);
    let slot = this.#table.find(packet, identification, protocol);
    if (slot !== NO_SLOT && this.#isOver(slot)) slot = this.#giveUp(slot);
    if (slot === NO_SLOT) slot = this.#open();
    if (this.#table.discarded[slot] === 1 || !this.#agrees(slot, offset + octets, more)) return false;
    let fresh = this.#table.cover(slot, offset, offset + octets);
    if (fresh === 0 && this.nowUs - (this.#table.opened[slot] as number) > REUSE_US) {
      this.#giveUp(slot);
      slot = this.#open();
      fresh = this.#table.cover(slot, offset, offset + octets);
    }
    if (!more) this.#table.totalOctets[slot] = offset + octets;
    this.#count(slot, packet);
    if (fresh === 0) this.counters.fragmentDuplicates++;
    else {
      this.#keep(slot, packet, offset, octets, captured);
      if (fresh < (octets + 7) >> 3) {
        this.counters.fragmentOverlaps++;
        if (packet.ipVersion === 6) {
          this.#discard(slot);
          return false;
        }
      }
    }
    if (!this.#isWhole(slot)) return false;
    this.#deliver(slot, packet);
    return true;
  }

  takeExpired(packet: Packet): boolean {
    const first = this.#first;
    if (!this.#expired.take(first, this.#datagram, PAYLOAD_AT) && !this.#takeTimedOut(first)) return false;
    packet.reset(this.#datagram, PAYLOAD_AT, first.octets, first.reachOctets, first.vlan);
    packet.truncated = true;
    this.#show(packet, first.ipVersion, first.headerBytes, first.protocol, first.ipBytes, first.frames);
    this.expiredAtUs = first.timeUs;
    return true;
  }

  /** No more fragments will come: `takeExpired` gives all that is left. */
  finish(): void {
    this.nowUs = Number.MAX_SAFE_INTEGER;
  }

  #takeTimedOut(first: FirstFragment): boolean {
    const table = this.#table;
    for (let slot = table.oldest; slot !== NO_SLOT && this.#isOver(slot); slot = table.oldest) {
      if (table.discarded[slot] === 0) this.counters.datagramsTimedOut++;
      const record = table.firstRecord[slot] as number;
      if (record !== NO_RECORD) {
        first.readSlot(table, slot);
        table.copyHeader(slot, this.#datagram, PAYLOAD_AT);
        first.octets = this.#ring.copy(record, this.#datagram, PAYLOAD_AT);
      }
      this.#forget(slot);
      if (record !== NO_RECORD) return true;
    }
    return false;
  }

  /** Octets of the fragment by its header, -1 when it can't be. */
  #octetsOf(packet: Packet, offset: number, more: boolean): number {
    const headerAt = packet.sourceAddressAt - (packet.ipVersion === 4 ? IPV4_SOURCE_AT : IPV6_SOURCE_AT);
    let octets = headerAt + packet.ipBytes - packet.offset;
    if (more && (octets & 7) !== 0) {
      if (packet.ipVersion === 6) return -1; // RFC 8200, section 4.5
      octets &= ~7; // as Linux takes it
    }
    const headerBytes = packet.ipVersion === 4 ? packet.offset - headerAt : 0;
    if (octets < 0 || (more && octets === 0) || headerBytes + offset + octets > DATAGRAM_MAX_BYTES) return -1;
    return octets;
  }

  /** Whether a fragment that ends there can belong to the datagram. */
  #agrees(slot: number, end: number, more: boolean): boolean {
    const total = this.#table.totalOctets[slot] as number;
    const reach = this.#table.reachOctets[slot] as number;
    const agrees = total < 0 ? more || end >= reach : more ? end <= total : end === total;
    if (!agrees) this.counters.fragmentsInconsistent++;
    return agrees;
  }

  #open(): number {
    if (this.#table.full()) this.#giveUp(this.#table.oldest);
    return this.#table.open(this.nowUs);
  }

  #count(slot: number, packet: Packet): void {
    const table = this.#table;
    table.latest[slot] = this.nowUs;
    table.frames[slot] = (table.frames[slot] as number) + packet.fragmentCount;
    table.ipBytes[slot] = (table.ipBytes[slot] as number) + packet.ipBytes;
  }

  #keep(slot: number, packet: Packet, offset: number, octets: number, captured: number): void {
    const table = this.#table;
    const { bytes } = packet;
    const last = table.lastRecord[slot] as number;
    const record = this.#ring.add(slot, last, offset, bytes, packet.offset, packet.offset + captured);
    table.lastRecord[slot] = record;
    if (captured < octets && offset + captured < (table.capturedOctets[slot] as number))
      table.capturedOctets[slot] = offset + captured;
    if (offset !== 0 || table.firstRecord[slot] !== NO_RECORD) return;
    table.firstRecord[slot] = record;
    table.vlan[slot] = packet.vlan;
    table.protocol[slot] = packet.protocol;
    if (packet.ipVersion === 4) {
      const headerAt = packet.sourceAddressAt - IPV4_SOURCE_AT;
      table.keepHeader(slot, bytes, headerAt, Math.min(packet.offset - headerAt, HEADER_MAX_BYTES));
    } else table.keepHeader(slot, bytes, packet.sourceAddressAt - IPV6_SOURCE_AT, IPV6_HEADER_BYTES);
  }

  #isWhole(slot: number): boolean {
    const total = this.#table.totalOctets[slot] as number;
    return total >= 0 && this.#table.units[slot] === (total + 7) >> 3;
  }

  /** A clock that was set back by more than the time that is given ends it too. */
  #isOver(slot: number): boolean {
    return Math.abs(this.nowUs - (this.#table.opened[slot] as number)) > this.#timeoutUs;
  }

  #deliver(slot: number, packet: Packet): void {
    const table = this.#table;
    const total = table.totalOctets[slot] as number;
    packet.forgetRestIn(this.#datagram);
    table.copyHeader(slot, this.#datagram, PAYLOAD_AT);
    // from the last that came to the first: what came first stays
    for (let record = table.lastRecord[slot] as number; record !== NO_RECORD; record = this.#ring.previousOf(record))
      this.#ring.copy(record, this.#datagram, PAYLOAD_AT);
    packet.bytes = this.#datagram;
    packet.offset = PAYLOAD_AT;
    packet.end = PAYLOAD_AT + Math.min(total, table.capturedOctets[slot] as number);
    packet.wireEnd = PAYLOAD_AT + total;
    if (packet.end < packet.wireEnd) packet.truncated = true;
    this.#show(
      packet,
      table.ipVersionOf(slot),
      table.headerBytes[slot] as number,
      table.protocol[slot] as number,
      table.ipBytes[slot] as number,
      table.frames[slot] as number,
    );
    this.counters.datagramsReassembled++;
    this.#forget(slot);
  }

  #show(
    packet: Packet,
    ipVersion: number,
    headerBytes: number,
    protocol: number,
    ipBytes: number,
    frames: number,
  ): void {
    const headerAt = PAYLOAD_AT - headerBytes;
    packet.ipVersion = ipVersion;
    packet.sourceAddressAt = headerAt + (ipVersion === 4 ? IPV4_SOURCE_AT : IPV6_SOURCE_AT);
    packet.destinationAddressAt = packet.sourceAddressAt + (ipVersion === 4 ? 4 : 16);
    packet.protocol = protocol;
    packet.ipBytes = ipBytes;
    packet.fragmentCount = frames;
    packet.laterFragment = false;
  }

  /** Always returns NO_SLOT. */
  #giveUp(slot: number): number {
    if (this.#table.discarded[slot] === 0) {
      if (this.#isOver(slot)) this.counters.datagramsTimedOut++;
      else this.counters.datagramsEvicted++;
    }
    this.#putExpired(slot);
    this.#forget(slot);
    return NO_SLOT;
  }

  /** Gives back its octets, and remembers it until its time is over. */
  #discard(slot: number): void {
    this.#putExpired(slot);
    this.#ring.release(this.#table.lastRecord[slot] as number);
    this.#table.lastRecord[slot] = NO_RECORD;
    this.#table.firstRecord[slot] = NO_RECORD;
    this.#table.discarded[slot] = 1;
  }

  #putExpired(slot: number): void {
    if (this.#table.firstRecord[slot] === NO_RECORD) return;
    if (!this.#expired.put(this.#table, this.#ring, slot)) this.counters.fragmentsNotLookedAt++;
  }

  #forget(slot: number): void {
    this.#ring.release(this.#table.lastRecord[slot] as number);
    this.#table.remove(slot);
  }
}

import type { QuicVersion } from "./quic-version.ts";

/** RFC 9000, section 17.2: connection ids of version 1 have 20 octets at most. */
const CONNECTION_ID_MAX_BYTES = 20;
/** What header protection samples, behind the longest packet number (RFC 9001, section 5.4.2). */
const SAMPLE_BYTES = 16;
const PACKET_NUMBER_MAX_BYTES = 4;

/** A variable-length integer (RFC 9000, section 16) at `at`; -1 where it ends behind `end` or is beyond 2^53. */
export function varintAt(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  const size = varintBytes(bytes[at] as number);
  if (at + size > end) return -1;
  let value = (bytes[at] as number) & 0x3f;
  for (let i = 1; i < size; i++) value = value * 256 + (bytes[at + i] as number);
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

/** Octets of the integer that starts with `first`. */
export function varintBytes(first: number): number {
  return 1 << (first >>> 6);
}

export function uint32At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

/**
 * Offsets of a packet with a long header, in a datagram; one is reused for all packets.
 * Source: RFC 9000, sections 17.2 and 17.2.2; RFC 9369, section 3.2.
 */
export class LongHeader {
  bytes: Uint8Array = new Uint8Array(0);
  /** Of the first octet. */
  at = 0;
  destinationIdAt = 0;
  destinationIdEnd = 0;
  initial = false;
  packetNumberAt = 0;
  /** Behind the last octet of the packet. */
  end = 0;

  /**
   * Reads the packet at `at` of a datagram that ends at `to`; false where it is malformed, cut, or has no length (Retry), so that
   * what follows it can't be found.
   */
  read(bytes: Uint8Array, at: number, to: number, version: QuicVersion): boolean {
    this.bytes = bytes;
    this.at = at;
    const first = bytes[at] as number;
    const type = (((first >>> 4) & 3) - version.initialType) & 3; // version 2 has them all one further
    this.initial = type === 0;
    if (type === 3 || at + 7 > to) return false;
    this.destinationIdAt = at + 6;
    const destinationIdBytes = bytes[at + 5] as number;
    this.destinationIdEnd = this.destinationIdAt + destinationIdBytes;
    if (destinationIdBytes > CONNECTION_ID_MAX_BYTES || this.destinationIdEnd >= to) return false;
    const sourceIdBytes = bytes[this.destinationIdEnd] as number;
    let next = this.destinationIdEnd + 1 + sourceIdBytes;
    if (sourceIdBytes > CONNECTION_ID_MAX_BYTES || next >= to) return false;
    if (this.initial) {
      const tokenBytes = varintAt(bytes, next, to);
      if (tokenBytes < 0) return false;
      next += varintBytes(bytes[next] as number) + tokenBytes;
    }
    const length = varintAt(bytes, next, to);
    if (length < PACKET_NUMBER_MAX_BYTES + SAMPLE_BYTES) return false;
    this.packetNumberAt = next + varintBytes(bytes[next] as number);
    this.end = this.packetNumberAt + length;
    return this.end <= to;
  }
}

import type { Packet } from "../decode/packet.ts";

/**
 * Words of a key: protocol and IP version, both ports, then the two addresses: of one word each for IPv4 (the rest is not
 * looked at), of four for IPv6.
 */
export const KEY_WORDS = 10;
const IPV4_KEY_WORDS = 4;
const PROTOCOL = 0;
const PORTS = 1;
const ADDRESSES = 2;

/** How many words of a key count, by its first. */
export function keyWords(protocolWord: number): number {
  return (protocolWord & 0xff) === 4 ? IPV4_KEY_WORDS : KEY_WORDS;
}

/**
 * The canonical five-tuple of a packet: the endpoint that is lower by (address, port) comes first, so that both directions
 * have one key. Reused for every packet.
 */
export class FiveTuple {
  readonly words = new Int32Array(KEY_WORDS);
  /** 0 when the packet's source is the low endpoint, 1 when it is the high one. */
  side = 0;

  read(packet: Packet): void {
    const { words } = this;
    const { bytes, sourcePort, destinationPort } = packet;
    words[PROTOCOL] = (packet.protocol << 8) | packet.ipVersion;
    let order: number;
    if (packet.ipVersion === 4) {
      const source = wordAt(bytes, packet.sourceAddressAt);
      const destination = wordAt(bytes, packet.destinationAddressAt);
      order = source === destination ? sourcePort - destinationPort : (source >>> 0) - (destination >>> 0);
      words[ADDRESSES] = order > 0 ? destination : source;
      words[ADDRESSES + 1] = order > 0 ? source : destination;
    } else {
      order = compareIpv6Endpoints(packet);
      const low = order > 0 ? packet.destinationAddressAt : packet.sourceAddressAt;
      const high = order > 0 ? packet.sourceAddressAt : packet.destinationAddressAt;
      for (let i = 0; i < 4; i++) {
        words[ADDRESSES + i] = wordAt(bytes, low + 4 * i);
        words[ADDRESSES + 4 + i] = wordAt(bytes, high + 4 * i);
      }
    }
    this.side = order > 0 ? 1 : 0;
    words[PORTS] = order > 0 ? (destinationPort << 16) | sourcePort : (sourcePort << 16) | destinationPort;
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

function compareIpv6Endpoints(packet: Packet): number {
  for (let i = 0; i < 4; i++) {
    const source = wordAt(packet.bytes, packet.sourceAddressAt + 4 * i) >>> 0;
    const destination = wordAt(packet.bytes, packet.destinationAddressAt + 4 * i) >>> 0;
    if (source !== destination) return source < destination ? -1 : 1;
  }
  return packet.sourcePort - packet.destinationPort;
}

/** Port of the endpoint on `side` of the key at `base`. */
export function keyPort(keys: Int32Array, base: number, side: number): number {
  const ports = keys[base + PORTS] as number;
  return side === 0 ? ports >>> 16 : ports & 0xffff;
}

export function keyProtocol(keys: Int32Array, base: number): number {
  return (keys[base + PROTOCOL] as number) >>> 8;
}

/** Text of the address on `side` of the key at `base`. */
export function keyAddress(keys: Int32Array, base: number, side: number): string {
  const at = base + ADDRESSES;
  if (keyWords(keys[base + PROTOCOL] as number) === IPV4_KEY_WORDS) return renderIpv4(keys[at + side] as number);
  return renderIpv6(keys, at + 4 * side);
}

function renderIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/**
 * RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::` (section 4), an IPv4 address
 * that was mapped in its own form (section 5).
 */
function renderIpv6(words: Int32Array, at: number): string {
  if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0xffff)
    return `::ffff:${renderIpv4(words[at + 3] as number)}`;
  const groups: number[] = [];
  for (let i = 0; i < 4; i++) {
    const word = words[at + i] as number;
    groups.push(word >>> 16, word & 0xffff);
  }
  let runAt = -1;
  let runLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > runLength) [runAt, runLength] = [i, length];
  }
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  return runAt < 0 ? text(0, 8) : `${text(0, runAt)}::${text(runAt + runLength, 8)}`;
}

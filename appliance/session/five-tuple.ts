import type { Packet } from "../decode/packet.ts";

/** Words of a key: two endpoints of four address words each, both ports in one word, protocol and IP version in another. */
export const KEY_WORDS = 10;
const LOW_ADDRESS = 0;
const HIGH_ADDRESS = 4;
const PORTS = 8;
const PROTOCOL = 9;

/**
 * The canonical five-tuple of a packet: the endpoint that is lower by (address, port) comes first, so that both directions
 * have one key. Reused for every packet.
 */
export class FiveTuple {
  readonly words = new Int32Array(KEY_WORDS);
  /** 0 when the packet's source is the low endpoint, 1 when it is the high one. */
  side = 0;

  read(packet: Packet): void {
    const words = this.words;
    const addressWords = packet.ipVersion === 4 ? 1 : 4;
    const order = compareEndpoints(packet, addressWords);
    this.side = order > 0 ? 1 : 0;
    const low = order > 0 ? packet.destinationAddressAt : packet.sourceAddressAt;
    const high = order > 0 ? packet.sourceAddressAt : packet.destinationAddressAt;
    for (let i = 0; i < 4; i++) {
      words[LOW_ADDRESS + i] = i < addressWords ? wordAt(packet.bytes, low + 4 * i) : 0;
      words[HIGH_ADDRESS + i] = i < addressWords ? wordAt(packet.bytes, high + 4 * i) : 0;
    }
    words[PORTS] =
      order > 0
        ? (packet.destinationPort << 16) | packet.sourcePort
        : (packet.sourcePort << 16) | packet.destinationPort;
    words[PROTOCOL] = (packet.protocol << 8) | packet.ipVersion;
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

function compareEndpoints(packet: Packet, addressWords: number): number {
  for (let i = 0; i < addressWords; i++) {
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
  const at = base + (side === 0 ? LOW_ADDRESS : HIGH_ADDRESS);
  if (((keys[base + PROTOCOL] as number) & 0xff) === 4) return renderIpv4(keys[at] as number);
  return renderIpv6(keys, at);
}

function renderIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** RFC 5952, section 4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
function renderIpv6(words: Int32Array, at: number): string {
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

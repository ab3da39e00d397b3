import { writeSync } from "node:fs";

const BUFFER_BYTES = 1 << 22;
const FRAME_MAX_BYTES = 16 + 1600;
const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const MICROSECONDS = 1_000_000;
/** LINKTYPE_ETHERNET, microseconds. Source: pcap(5), draft-ietf-opsawg-pcap. */
const PCAP_HEADER = Buffer.from("d4c3b2a1020004000000000000000000ffff000001000000", "hex");

/** Both ends of a session. An end is a number, from which its addresses are made. */
export interface Ends {
  readonly isIpv6: boolean;
  readonly client: number;
  readonly server: number;
  readonly clientPort: number;
  readonly serverPort: number;
}

/** Frames into a pcap file: Ethernet, IPv4 or IPv6, TCP or UDP, with the checksums that they have on a wire. */
export class FrameWriter {
  frames = 0;
  /** Of frames. */
  bytes = 0;
  /** Unix microseconds of the next frame. */
  timeUs: number;
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #at = 0;
  #identification = 0;

  constructor(fd: number, startUs: number) {
    this.#fd = fd;
    this.timeUs = startUs;
    PCAP_HEADER.copy(this.#buffer);
    this.#at = PCAP_HEADER.length;
  }

  /** RFC 9293, section 3.1; `options` are whole words, `payload` fits into one segment. */
  tcp(
    ends: Ends,
    fromServer: boolean,
    sequence: number,
    acknowledgement: number,
    flags: number,
    options: Uint8Array,
    payload: Uint8Array,
    from: number,
    to: number,
  ): void {
    const header = 20 + options.length;
    const at = this.#network(ends, fromServer, PROTOCOL_TCP, header + to - from);
    const b = this.#buffer;
    b.writeUInt16BE(fromServer ? ends.serverPort : ends.clientPort, at);
    b.writeUInt16BE(fromServer ? ends.clientPort : ends.serverPort, at + 2);
    b.writeUInt32BE(sequence >>> 0, at + 4);
    b.writeUInt32BE(acknowledgement >>> 0, at + 8);
    b.writeUInt16BE((header << 10) | flags, at + 12);
    b.writeUInt16BE(0xfaf0, at + 14); // window
    b.writeUInt32BE(0, at + 16); // checksum, urgent pointer
    b.set(options, at + 20);
    b.set(payload.subarray(from, to), at + header);
    this.#finish(ends, at, header + to - from, PROTOCOL_TCP, at + 16);
  }

  /** RFC 768. */
  udp(ends: Ends, fromServer: boolean, payload: Uint8Array): void {
    const length = 8 + payload.length;
    const at = this.#network(ends, fromServer, PROTOCOL_UDP, length);
    const b = this.#buffer;
    b.writeUInt16BE(fromServer ? ends.serverPort : ends.clientPort, at);
    b.writeUInt16BE(fromServer ? ends.clientPort : ends.serverPort, at + 2);
    b.writeUInt16BE(length, at + 4);
    b.writeUInt16BE(0, at + 6);
    b.set(payload, at + 8);
    this.#finish(ends, at, length, PROTOCOL_UDP, at + 6);
  }

  flush(): void {
    for (let written = 0; written < this.#at; )
      written += writeSync(this.#fd, this.#buffer, written, this.#at - written);
    this.#at = 0;
  }

  /** Headers down to IP; the offset of what follows. */
  #network(ends: Ends, fromServer: boolean, protocol: number, length: number): number {
    if (this.#at + FRAME_MAX_BYTES > BUFFER_BYTES) this.flush();
    const b = this.#buffer;
    const ipBytes = ends.isIpv6 ? IPV6_BYTES : IPV4_BYTES;
    const frameBytes = ETHERNET_BYTES + ipBytes + length;
    const record = this.#at;
    b.writeUInt32LE(Math.floor(this.timeUs / MICROSECONDS), record);
    b.writeUInt32LE(this.timeUs % MICROSECONDS, record + 4);
    b.writeUInt32LE(frameBytes, record + 8);
    b.writeUInt32LE(frameBytes, record + 12);
    const at = record + 16;
    // Locally administered addresses: the clients' own, and that of the router they speak to.
    writeMac(b, fromServer ? at : at + 6, 0x100 + (ends.client & 0xff));
    writeMac(b, fromServer ? at + 6 : at, 1);
    b.writeUInt16BE(ends.isIpv6 ? 0x86dd : 0x0800, at + 12);
    const ip = at + ETHERNET_BYTES;
    if (ends.isIpv6) {
      b.writeUInt32BE(0x60000000, ip);
      b.writeUInt16BE(length, ip + 4);
      b[ip + 6] = protocol;
      b[ip + 7] = fromServer ? 57 : 64;
      writeIpv6(b, fromServer ? ip + 24 : ip + 8, 1, ends.client);
      writeIpv6(b, fromServer ? ip + 8 : ip + 24, 2, ends.server);
    } else {
      b.writeUInt16BE(0x4500, ip);
      b.writeUInt16BE(IPV4_BYTES + length, ip + 2);
      b.writeUInt16BE(this.#identification++ & 0xffff, ip + 4);
      b.writeUInt16BE(0x4000, ip + 6); // don't fragment
      b[ip + 8] = fromServer ? 57 : 64;
      b[ip + 9] = protocol;
      b.writeUInt16BE(0, ip + 10);
      b.writeUInt32BE(0x0a400000 + ends.client, fromServer ? ip + 16 : ip + 12); // 10.64.0.0 and up
      b.writeUInt32BE(0xc6120000 + ends.server, fromServer ? ip + 12 : ip + 16); // 198.18.0.0/15, RFC 2544
      b.writeUInt16BE(foldComplement(sumOf(b, ip, ip + IPV4_BYTES)), ip + 10);
    }
    this.#at = at + frameBytes;
    this.frames++;
    this.bytes += frameBytes;
    return ip + ipBytes;
  }

  /** The checksum of TCP and UDP, with its pseudo-header: RFC 9293, section 3.1; RFC 8200, section 8.1. */
  #finish(ends: Ends, at: number, length: number, protocol: number, checksumAt: number): void {
    const b = this.#buffer;
    const addresses = ends.isIpv6 ? at - 32 : at - 8;
    const sum = foldComplement(sumOf(b, addresses, at + length) + protocol + length);
    b.writeUInt16BE(protocol === PROTOCOL_UDP && sum === 0 ? 0xffff : sum, checksumAt);
  }
}

function writeMac(b: Buffer, at: number, number: number): void {
  b.writeUInt16BE(0x0200, at);
  b.writeUInt32BE(number, at + 2);
}

/** 2001:db8:SIDE::NUMBER (RFC 3849). */
function writeIpv6(b: Buffer, at: number, side: number, number: number): void {
  b.writeUInt32BE(0x20010db8, at);
  b.writeUInt32BE(side << 16, at + 4);
  b.writeUInt32BE(0, at + 8);
  b.writeUInt32BE(number, at + 12);
}

/** RFC 1071; the last octet of an odd number is padded. */
function sumOf(b: Buffer, from: number, to: number): number {
  let sum = 0;
  let i = from;
  for (; i + 1 < to; i += 2) sum += ((b[i] as number) << 8) | (b[i + 1] as number);
  if (i < to) sum += (b[i] as number) << 8;
  return sum;
}

function foldComplement(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

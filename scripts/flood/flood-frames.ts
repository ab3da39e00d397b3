import { closeSync, openSync, writeSync } from "node:fs";

/** A flood: what each of its packets is, by number. IPv4 packets, without a link layer. */
export interface Flood {
  readonly name: string;
  /** What it aims at. */
  readonly aim: string;
  /** Writes packet `number` into a buffer of zeros; gives its length. */
  readonly write: (packet: Buffer, number: number) => number;
  /** Sessions that the sensor may have, where the default is more than a million packets of the flood would open. */
  readonly maxSessions?: number;
}

const BUFFER_BYTES = 4 * 1024 * 1024;
const PACKET_MAX_BYTES = 1600;
const IPV4_BYTES = 20;
const TCP_BYTES = 20;
const UDP_BYTES = 8;
const IP_TCP = 6;
const IP_UDP = 17;
const SYN = 0x02;
const ACK = 0x10;
const START = 1_700_000_000;
const PACKETS_A_SECOND = 500_000;
/** LINKTYPE_RAW, microseconds. Source: draft-ietf-opsawg-pcap. */
const PCAP_HEADER = Buffer.from("d4c3b2a1020004000000000000000000ffff000065000000", "hex");
/** Packets of a session whose first octet never comes. */
const SEGMENTS_A_SESSION = 100;
const SEGMENT_BYTES = 1400;
const DATAGRAM_BYTES = 100;
/** Packets of a session that fills a table of HPACK, with 280 entries each. */
const TABLE_PACKETS = 9;
/** Of one that stops just before 32 KiB of a head, or in the midst of a Certificate message. */
const HEAD_PACKETS = 23;
const CERTIFICATE_PACKETS = 24;
const FRAGMENT_BYTES = 1400;
const FEW_SESSIONS = 20_000;

export const FLOODS: readonly Flood[] = [
  {
    name: "SYN",
    aim: "sessions of one packet, each from another address",
    write: (packet, number) => {
      tcp(packet, number, 1024 + (number % 60_000), number, SYN);
      return ip(packet, IP_TCP, 0, TCP_BYTES, number);
    },
  },
  {
    name: "datagrams",
    aim: "sessions with payload, each with samples of its own",
    write: (packet, number) => {
      udp(packet, 1024 + (number % 60_000), DATAGRAM_BYTES);
      fillOctets(packet, IPV4_BYTES + UDP_BYTES, DATAGRAM_BYTES, number);
      return ip(packet, IP_UDP, 0, UDP_BYTES + DATAGRAM_BYTES, number);
    },
  },
  {
    name: "fragments",
    aim: "first fragments of datagrams whose rest never comes",
    write: (packet, number) => {
      udp(packet, 40_000, 4000);
      packet.writeUInt16BE(number & 0xffff, 4);
      return ip(packet, IP_UDP, 0x2000, FRAGMENT_BYTES, number >>> 16);
    },
  },
  {
    name: "segments",
    aim: "segments that wait for one that never comes",
    write: (packet, number) => {
      const session = Math.floor(number / SEGMENTS_A_SESSION);
      const place = number % SEGMENTS_A_SESSION;
      // an octet says where the stream begins, an answer that the other side is seen; then something is missing
      const octets = place === 0 ? 1 : place === 1 ? 0 : SEGMENT_BYTES;
      tcp(packet, session, 1024 + (session % 60_000), place === 0 ? 0 : 100 + place * SEGMENT_BYTES, ACK);
      fillOctets(packet, IPV4_BYTES + TCP_BYTES, octets, number);
      const length = ip(packet, IP_TCP, 0, TCP_BYTES + octets, session);
      if (place === 1) turnAround(packet);
      return length;
    },
  },
  {
    name: "aimed",
    aim: "addresses and ports that a hash without a secret would put side by side",
    write: (packet, number) => {
      const high = number >>> 16;
      udp(packet, ((high & 0xf) << 12) | (high >>> 4), DATAGRAM_BYTES);
      return ip(packet, IP_UDP, 0, UDP_BYTES + DATAGRAM_BYTES, (number & 0xffff) << 16);
    },
  },
  conversations("HTTP/2 tables", "connections that fill their tables of HPACK", TABLE_PACKETS, tableSegment),
  {
    ...conversations("HTTP heads", "requests whose head is never whole", HEAD_PACKETS, headSegment),
    maxSessions: FEW_SESSIONS,
  },
  {
    ...conversations(
      "certificates",
      "handshakes whose certificate is never whole",
      CERTIFICATE_PACKETS,
      certificateSegment,
    ),
    maxSessions: FEW_SESSIONS,
  },
];

/** The payload of a session's packet `place`. */
type Conversation = (place: number) => Uint8Array;

/** A flood of sessions over TCP, each of which says the same, in `packets` segments, and never ends. */
function conversations(name: string, aim: string, packets: number, conversation: Conversation): Flood {
  const payloads = Array.from({ length: packets }, (_, place) => conversation(place));
  const starts = payloads.map((_, place) => payloads.slice(0, place).reduce((sum, { length }) => sum + length, 0));
  return {
    name,
    aim,
    write: (packet, number) => {
      const session = Math.floor(number / packets);
      const place = number % packets;
      const payload = payloads[place] as Uint8Array;
      tcp(packet, session, 1024 + (session % 60_000), starts[place] as number, ACK);
      packet.set(payload, IPV4_BYTES + TCP_BYTES);
      return ip(packet, IP_TCP, 0, TCP_BYTES + payload.length, session);
    },
  };
}

/** The preface and SETTINGS, then HEADERS whose block makes an entry of every five octets (RFC 9113, RFC 7541). */
function tableSegment(place: number): Uint8Array {
  if (place === 0) return Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");
  const resize = place === 1 ? "3fe1ff03" : ""; // to 64 KiB
  const block = Buffer.from(resize + "4001610162".repeat(280), "hex");
  const header = Buffer.from("000000010400000000", "hex");
  header.writeUIntBE(block.length, 0, 3);
  header.writeUInt32BE(2 * place - 1, 5);
  return Buffer.concat([header, block]);
}

function headSegment(place: number): Uint8Array {
  const start = place === 0 ? "GET / HTTP/1.1\r\nCookie: " : "";
  return Buffer.from(start.padEnd(SEGMENT_BYTES, "x"));
}

/** A record for each part of the message, the first with its type and length (RFC 8446, sections 4 and 5.1). */
function certificateSegment(place: number): Uint8Array {
  const record = Buffer.alloc(SEGMENT_BYTES, 0x30);
  record.set([22, 3, 3, (SEGMENT_BYTES - 5) >> 8, (SEGMENT_BYTES - 5) & 0xff]);
  if (place === 0) record.set([11, 0, 0xff, 0xff, 0, 0xff, 0xfc, 0, 0xff, 0xf9], 5);
  return record;
}

/** A pcap file of the first `packets` packets of a flood. */
export function writeFlood(path: string, flood: Flood, packets: number): void {
  const fd = openSync(path, "w");
  const buffer = Buffer.alloc(BUFFER_BYTES);
  let at = PCAP_HEADER.copy(buffer);
  for (let number = 0; number < packets; number++) {
    if (at + PACKET_MAX_BYTES > BUFFER_BYTES) {
      writeSync(fd, buffer, 0, at);
      at = 0;
    }
    const packet = buffer.subarray(at + 16, at + PACKET_MAX_BYTES);
    packet.fill(0, 0, IPV4_BYTES + TCP_BYTES + DATAGRAM_BYTES);
    const length = flood.write(packet, number);
    buffer.writeUInt32LE(START + Math.floor(number / PACKETS_A_SECOND), at);
    buffer.writeUInt32LE(Math.floor(((number % PACKETS_A_SECOND) * 1e6) / PACKETS_A_SECOND), at + 4);
    buffer.writeUInt32LE(length, at + 8);
    buffer.writeUInt32LE(length, at + 12);
    at += 16 + length;
  }
  writeSync(fd, buffer, 0, at);
  closeSync(fd);
}

/** RFC 791, section 3.1; from 10.0.0.0 and so many addresses on, to 192.0.2.1. Gives the packet's length. */
function ip(packet: Buffer, protocol: number, fragment: number, contentBytes: number, address: number): number {
  packet[0] = 0x45;
  packet.writeUInt16BE(IPV4_BYTES + contentBytes, 2);
  packet.writeUInt16BE(fragment, 6);
  packet[8] = 64;
  packet[9] = protocol;
  packet.writeUInt32BE((0x0a00_0000 + address) >>> 0, 12);
  packet.writeUInt32BE(0xc000_0201, 16);
  return IPV4_BYTES + contentBytes;
}

/** The same ends, the other way; the acknowledgement is 0. */
function turnAround(packet: Buffer): void {
  const [source, destination] = [packet.readUInt32BE(12), packet.readUInt32BE(16)];
  packet.writeUInt32BE(destination, 12);
  packet.writeUInt32BE(source, 16);
  const [from, to] = [packet.readUInt16BE(IPV4_BYTES), packet.readUInt16BE(IPV4_BYTES + 2)];
  packet.writeUInt16BE(to, IPV4_BYTES);
  packet.writeUInt16BE(from, IPV4_BYTES + 2);
}

function tcp(packet: Buffer, session: number, port: number, sequence: number, flags: number): void {
  packet.writeUInt16BE(port, IPV4_BYTES);
  packet.writeUInt16BE(443, IPV4_BYTES + 2);
  packet.writeUInt32BE((Math.imul(session, 2_654_435_761) + sequence) >>> 0, IPV4_BYTES + 4);
  packet[IPV4_BYTES + 12] = 0x50;
  packet[IPV4_BYTES + 13] = flags;
}

function udp(packet: Buffer, port: number, payloadBytes: number): void {
  packet.writeUInt16BE(port, IPV4_BYTES);
  packet.writeUInt16BE(4433, IPV4_BYTES + 2);
  packet.writeUInt16BE(UDP_BYTES + payloadBytes, IPV4_BYTES + 4);
}

/** Octets of no format. */
function fillOctets(packet: Buffer, from: number, count: number, seed: number): void {
  let x = Math.imul(seed + 1, 0x9e37_79b1);
  for (let i = from; i < from + count; i++) {
    x = Math.imul(x ^ (x >>> 15), 0x2c1b_3c6d) + i;
    packet[i] = x >>> 24;
  }
}

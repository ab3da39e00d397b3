import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import type { StreamReader } from "../decode/stream-reader.ts";
import { uint16At } from "./client-hello.ts";
import type { HandshakeSink } from "./handshake-facts.ts";
import { type TlsCounters, zeroTlsCounters } from "./tls-counters.ts";
import { TlsReader } from "./tls-reader.ts";

/** Type, status, length of the whole, server's process, packet number, window (MS-TDS, section 2.2.3.1). */
const HEADER_BYTES = 8;
const LENGTH_AT = 2;
const WINDOW_AT = 7;
const PACKET_MAX_BYTES = 32_768;
const STATUS_MOST = 1;
/** Types of packets: what a server answers, and PRELOGIN, which also carries the TLS handshake (section 2.2.6.5). */
const TABULAR_RESULT = 4;
const PRELOGIN = 18;
/** The first option of a PRELOGIN: VERSION, its offset, its length of 6. */
const OPTION_VERSION = 0;
const VERSION_BYTES = 6;
/** Content types of TLS records, ChangeCipherSpec to application data, of which no packet has the number. */
const TLS_LEAST = 20;
const TLS_MOST = 23;
const TLS_HANDSHAKE = 22;
const TLS_MAJOR = 3;
/** Packets of both sides in which the handshake is looked for. */
const PACKETS_MAX = 64;

/** Octets of one side. */
class Side {
  /** Of a packet's header, those that have come. */
  headerBytes = 0;
  type = 0;
  length = 0;
  /** Octets of the packet that are to come. */
  remaining = 0;
  isFirst = false;
  /** What follows in packets of PRELOGIN is TLS; from `isBare` on without packets. */
  isTls = false;
  isBare = false;
  isLost = false;
}

/**
 * Reads the TLS handshake of SQL Server's protocol: it is packed into PRELOGIN packets; the records behind it are not. A session that
 * goes on with anything else has none. Source: MS-TDS, sections 2.2.3.1, 2.2.6.5 and 3.2.5.2.
 */
export class TdsReader implements StreamReader {
  readonly #tls: TlsReader;
  readonly #counters: TlsCounters;
  readonly #sides: readonly [Side, Side] = [new Side(), new Side()];
  #packets = 0;

  constructor(sink: HandshakeSink, counters: TlsCounters = zeroTlsCounters(), allowance: Allowance = ownAllowance()) {
    this.#tls = new TlsReader(sink, counters, allowance);
    this.#counters = counters;
  }

  get done(): boolean {
    return this.#tls.done;
  }

  data(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    const own = this.#sides[side === 0 ? 0 : 1];
    let at = from;
    while (at < to && !own.isLost && !this.done) {
      if (own.isBare) {
        this.#tls.data(side, bytes, at, to, timeUs);
        return;
      }
      if (own.remaining === 0) {
        if (!this.#readHeaderOctet(own, bytes[at] as number)) continue;
        at++;
        if (own.headerBytes === HEADER_BYTES) this.#begin(own);
      } else {
        const end = Math.min(to, at + own.remaining);
        if (own.type === PRELOGIN) this.#content(side, own, bytes, at, end, timeUs);
        own.remaining -= end - at;
        at = end;
      }
    }
  }

  /** Where packets are lost it isn't known any more where one starts. */
  gap(side: number, count: number): void {
    const own = this.#sides[side === 0 ? 0 : 1];
    if (own.isBare) this.#tls.gap(side, count);
    else if (count < own.remaining) {
      if (own.isTls) this.#tls.gap(side, count);
      own.isFirst = false;
      own.remaining -= count;
    } else own.isLost = true;
    if (this.#sides[0].isLost && this.#sides[1].isLost) this.end();
  }

  end(): void {
    this.#tls.end();
  }

  /** False where it is none. */
  #readHeaderOctet(own: Side, octet: number): boolean {
    if (own.headerBytes === 0) {
      if (octet >= TLS_LEAST && octet <= TLS_MOST) {
        own.isBare = true;
        return false;
      }
      own.type = octet;
      own.length = 0;
    } else if (own.headerBytes === LENGTH_AT || own.headerBytes === LENGTH_AT + 1)
      own.length = (own.length << 8) | octet;
    own.headerBytes++;
    return true;
  }

  #begin(own: Side): void {
    own.headerBytes = 0;
    own.remaining = Math.max(0, own.length - HEADER_BYTES);
    own.isFirst = true;
    if (own.type !== PRELOGIN && own.type !== TABULAR_RESULT) this.end();
    else if (++this.#packets > PACKETS_MAX) {
      this.#counters.tlsHandshakesGivenUp++;
      this.end();
    }
  }

  #content(side: number, own: Side, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    if (own.isFirst && bytes[from] === TLS_HANDSHAKE) own.isTls = true;
    own.isFirst = false;
    if (own.isTls) this.#tls.data(side, bytes, from, to, timeUs);
  }
}

/** A PRELOGIN with options, or with the start of a TLS handshake. */
export function startsTds(bytes: Uint8Array, from: number, to: number): boolean {
  const content = from + HEADER_BYTES;
  if (bytes[from] !== PRELOGIN || to - content < 5) return false;
  if ((bytes[from + 1] as number) > STATUS_MOST || bytes[from + WINDOW_AT] !== 0) return false;
  if (uint16At(bytes, from + LENGTH_AT) > PACKET_MAX_BYTES) return false;
  if (bytes[content] === TLS_HANDSHAKE) return bytes[content + 1] === TLS_MAJOR;
  return bytes[content] === OPTION_VERSION && uint16At(bytes, content + 3) === VERSION_BYTES;
}

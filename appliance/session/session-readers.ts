import { behindProxyHeader } from "../decode/proxy-header.ts";
import { Allowance, type BudgetCounters, ReaderBudget } from "../decode/reader-budget.ts";
import type { DatagramReader, StreamReader } from "../decode/stream-reader.ts";
import { PROTOCOL_OPENVPN, PROTOCOL_QUIC } from "../entropy/recognise-protocol.ts";
import type { DtlsCounters } from "../handshake/dtls-counters.ts";
import { DtlsReader } from "../handshake/dtls-reader.ts";
import { startsDtlsHandshake } from "../handshake/dtls-record.ts";
import type { HandshakeFacts, HandshakeSink } from "../handshake/handshake-facts.ts";
import type { OpenVpnCounters } from "../handshake/openvpn-counters.ts";
import { OpenVpnReader } from "../handshake/openvpn-reader.ts";
import { OpenVpnStreamReader, startsOpenVpnStream } from "../handshake/openvpn-stream-reader.ts";
import type { QuicCounters } from "../handshake/quic-counters.ts";
import { QuicReader } from "../handshake/quic-reader.ts";
import type { SshCounters } from "../handshake/ssh-counters.ts";
import { SshReader } from "../handshake/ssh-reader.ts";
import { startsTds, TdsReader } from "../handshake/tds-reader.ts";
import type { TlsCounters } from "../handshake/tls-counters.ts";
import { TlsReader } from "../handshake/tls-reader.ts";
import { looksLikeClientHello, looksLikeTls } from "../handshake/tls-record.ts";
import { HttpReader } from "../http/http-reader.ts";
import type { HttpCounters, HttpSink, HttpTransaction } from "../http/http-transaction.ts";
import { startsHttp2 } from "../http/http2-frame.ts";
import { Http2Reader } from "../http/http2-reader.ts";
import { decodeHttpRequest, mayBeRequest, startsPartOfRequestLine } from "../http/request.ts";
import { looksLikeResponse, startsLikeResponse } from "../http/response.ts";

/** Who is told what was read of a session. */
export interface ReadersTarget {
  http(row: number, transaction: HttpTransaction): void;
  handshake(row: number, facts: HandshakeFacts): void;
  /** Side that opened the session. */
  openerOf(row: number): number;
}

export type ReadersCounters = BudgetCounters &
  DtlsCounters &
  HttpCounters &
  OpenVpnCounters &
  QuicCounters &
  SshCounters &
  TlsCounters;

/** TLS, ChangeCipherSpec to application data: RFC 8446, section 5.1. */
const TLS_RECORD_LEAST = 20;
const TLS_RECORD_MOST = 23;
const TLS_HANDSHAKE = 22;
const LETTER_S = 0x53;

/**
 * What reads each session, by row. For TCP it is chosen by the first octets that say what they are, at the start of any
 * segment. TLS may begin in the middle of anything: after STARTTLS, behind a proxy.
 */
export class SessionReaders {
  readonly #target: ReadersTarget;
  readonly #counters: ReadersCounters;
  readonly #budget: ReaderBudget;
  readonly #readers: (StreamReader | undefined)[];
  readonly #datagramReaders: (DatagramReader | undefined)[];
  /** Rows whose reader has come to its end. */
  readonly #isRead: Uint8Array;
  /** Octets to come of a direction (`2 * row + side`) that its reader passes over, as it said when it was last called; and how many of them are left. */
  readonly #passing: Int32Array;
  readonly #left: Int32Array;
  /** Of HTTP there are many readers that last: they have no functions of their own. */
  readonly #http: HttpSink = (transaction, row) => this.#target.http(row, transaction);
  readonly #tunnel = (row: number) => new TunnelReader((bytes, from, to) => this.#choose(row, bytes, from, to));

  /** All readers together keep at most `maxBytes` of what isn't whole yet, or is needed later. */
  constructor(rows: number, maxBytes: number, target: ReadersTarget, counters: ReadersCounters) {
    this.#target = target;
    this.#counters = counters;
    this.#budget = new ReaderBudget(maxBytes, counters);
    this.#readers = new Array(rows).fill(undefined);
    this.#datagramReaders = new Array(rows).fill(undefined);
    this.#isRead = new Uint8Array(rows);
    this.#passing = new Int32Array(2 * rows);
    this.#left = new Int32Array(2 * rows);
  }

  data(row: number, side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    if (this.#isRead[row] === 1 || this.#passes(2 * row + side, bytes, from, to)) return;
    let reader = this.#readers[row];
    if (reader instanceof HttpReader) this.#settle(row, reader);
    let at = from;
    if (reader === undefined || startsWithin(reader, bytes, from, to)) {
      at = behindProxyHeader(bytes, from, to);
      const chosen = at < to ? this.#choose(row, bytes, at, to) : undefined;
      if (chosen === undefined) return;
      reader?.end();
      reader = chosen;
      this.#readers[row] = chosen;
    }
    reader.data(side, bytes, at, to, timeUs);
    if (reader.done) this.#release(row, reader);
    else if (reader instanceof HttpReader) this.#askWhatPasses(row, reader);
  }

  /** Whether a segment is one that the reader needn't be woken for; most of what servers send is. */
  #passes(at: number, bytes: Uint8Array, from: number, to: number): boolean {
    const left = (this.#left[at] as number) - (to - from);
    if (left < 0 || mayBeginWithin(bytes, from, to)) return false;
    this.#left[at] = left;
    return true;
  }

  /** Tells the reader of what has passed since it was last called. */
  #settle(row: number, reader: HttpReader): void {
    for (let side = 0; side < 2; side++) {
      const at = 2 * row + side;
      const passed = (this.#passing[at] as number) - (this.#left[at] as number);
      if (passed > 0) reader.pass(side, passed);
    }
    this.#letNothingPass(row);
  }

  #askWhatPasses(row: number, reader: HttpReader): void {
    for (let side = 0; side < 2; side++) {
      const count = reader.passing(side);
      this.#passing[2 * row + side] = count;
      this.#left[2 * row + side] = count;
    }
  }

  /** A datagram of a session whose protocol has that code; DTLS may begin behind something else (RFC 7983). */
  datagram(
    row: number,
    protocol: number,
    side: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    timeUs: number,
  ): void {
    if (this.#isRead[row] === 1) return;
    const reader = this.#datagramReaders[row] ?? this.#chooseForDatagrams(row, protocol, bytes, from, to);
    if (reader === undefined) return;
    this.#datagramReaders[row] = reader;
    reader.datagram(side, bytes, from, to, timeUs);
    if (!reader.done) return;
    reader.end();
    this.#datagramReaders[row] = undefined;
    this.#isRead[row] = 1;
  }

  gap(row: number, side: number, count: number): void {
    const reader = this.#readers[row];
    if (reader === undefined) return;
    if (reader instanceof HttpReader) this.#settle(row, reader);
    reader.gap(side, count);
    if (reader.done) this.#release(row, reader);
    else if (reader instanceof HttpReader) this.#askWhatPasses(row, reader);
  }

  /** The session is over; the row is free for another. */
  end(row: number): void {
    this.#readers[row]?.end();
    this.#datagramReaders[row]?.end();
    this.#readers[row] = undefined;
    this.#datagramReaders[row] = undefined;
    this.#isRead[row] = 0;
    this.#letNothingPass(row);
  }

  #letNothingPass(row: number): void {
    for (let at = 2 * row; at < 2 * row + 2; at++) {
      this.#passing[at] = 0;
      this.#left[at] = 0;
    }
  }

  #release(row: number, reader: StreamReader): void {
    reader.end();
    this.#readers[row] = undefined;
    this.#isRead[row] = 1;
  }

  #choose(row: number, bytes: Uint8Array, from: number, to: number): StreamReader | undefined {
    const counters = this.#counters;
    if (startsTls(bytes, from, to)) return new TlsReader(this.#handshakesOf(row), counters, this.#allowance());
    if (startsSsh(bytes, from, to))
      return new SshReader(this.#handshakesOf(row), this.#target.openerOf(row), counters, this.#allowance());
    if (startsHttp(bytes, from, to)) return new HttpReader(this.#http, counters, this.#allowance(), this.#tunnel, row);
    if (startsHttp2(bytes, from, to)) return new Http2Reader(this.#http, counters, this.#allowance(), undefined, row);
    if (startsTds(bytes, from, to)) return new TdsReader(this.#handshakesOf(row), counters, this.#allowance());
    if (!startsOpenVpnStream(bytes, from, to)) return undefined;
    // one each: a handshake that begins anew gives back what was kept of the one before, not the packet that is coming
    const reader = new OpenVpnReader(this.#handshakesOf(row), counters, this.#allowance());
    return new OpenVpnStreamReader(reader, this.#allowance());
  }

  #chooseForDatagrams(
    row: number,
    protocol: number,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): DatagramReader | undefined {
    const counters = this.#counters;
    if (protocol === PROTOCOL_QUIC) return new QuicReader(this.#handshakesOf(row), counters, this.#allowance());
    if (protocol === PROTOCOL_OPENVPN) return new OpenVpnReader(this.#handshakesOf(row), counters, this.#allowance());
    if (!startsDtlsHandshake(bytes, from, to)) return undefined;
    return new DtlsReader(this.#handshakesOf(row), counters, this.#allowance());
  }

  #handshakesOf(row: number): HandshakeSink {
    return (facts) => this.#target.handshake(row, facts);
  }

  #allowance(): Allowance {
    return new Allowance(this.#budget);
  }
}

/** What follows a CONNECT, of whatever kind it turns out to be. */
class TunnelReader implements StreamReader {
  readonly #choose: (bytes: Uint8Array, from: number, to: number) => StreamReader | undefined;
  #inner: StreamReader | undefined;

  constructor(choose: (bytes: Uint8Array, from: number, to: number) => StreamReader | undefined) {
    this.#choose = choose;
  }

  get done(): boolean {
    return this.#inner?.done === true;
  }

  data(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    this.#inner ??= this.#choose(bytes, from, to);
    this.#inner?.data(side, bytes, from, to, timeUs);
  }

  gap(side: number, count: number): void {
    this.#inner?.gap(side, count);
  }

  end(): void {
    this.#inner?.end();
  }
}

function startsTls(bytes: Uint8Array, from: number, to: number): boolean {
  const first = bytes[from] as number;
  if (first >= TLS_RECORD_LEAST && first <= TLS_RECORD_MOST) return looksLikeTls(bytes, from, to);
  return first >= 0x80 && looksLikeClientHello(bytes, from, to); // in the form of SSL 2.0
}

/** What may begin after something else, or be the answer to it. */
function startsWithin(reader: StreamReader, bytes: Uint8Array, from: number, to: number): boolean {
  const first = bytes[from];
  if (first !== TLS_HANDSHAKE && first !== LETTER_S) return false;
  if (reader instanceof TlsReader || reader instanceof SshReader || reader instanceof TdsReader) return false;
  return first === LETTER_S ? startsSsh(bytes, from, to) : looksLikeClientHello(bytes, from, to);
}

/** Whether a segment in the midst of a body may be a message, or something else that readers look for there. */
function mayBeginWithin(bytes: Uint8Array, from: number, to: number): boolean {
  const first = bytes[from];
  if (first === TLS_HANDSHAKE || first === LETTER_S) return true;
  return mayBeRequest(bytes, from, to) || startsLikeResponse(bytes, from, to);
}

/** "SSH-1" or "SSH-2", RFC 4253, section 4.2. */
function startsSsh(bytes: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 5 &&
    bytes[from] === LETTER_S &&
    bytes[from + 1] === 0x53 &&
    bytes[from + 2] === 0x48 &&
    bytes[from + 3] === 0x2d &&
    (bytes[from + 4] === 0x31 || bytes[from + 4] === 0x32)
  );
}

function startsHttp(bytes: Uint8Array, from: number, to: number): boolean {
  if (looksLikeResponse(bytes, from, to)) return true;
  if (mayBeRequest(bytes, from, to) && decodeHttpRequest(bytes, from, to) !== undefined) return true;
  return startsPartOfRequestLine(bytes, from, to);
}

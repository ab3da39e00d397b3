import { decodeLatin1 } from "../../core/latin1.ts";
import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import type { StreamReader } from "../decode/stream-reader.ts";
import { HeaderFields } from "./header-fields.ts";
import { HttpSide, type Place } from "./http-side.ts";
import { type HttpCounters, type HttpSink, waitingBytes, zeroHttpCounters } from "./http-transaction.ts";
import { startsPreface } from "./http2-frame.ts";
import { Http2Reader } from "./http2-reader.ts";
import { type PendingRequest, transactionOf } from "./pending-request.ts";
import {
  decodeHttpRequest,
  endOfLine,
  findRequestLine,
  type HttpRequest,
  isMethodOctet,
  METHOD_MAX_BYTES,
  startsRegisteredRequestLine,
  startsRequestLine,
} from "./request.ts";
import { looksLikeResponse, startsLikeResponse, statusAt } from "./response.ts";

/** Requests of a side that wait for their responses. */
export const PENDING_MAX = 64;
/** What is kept of a head that comes in several chunks. */
export const HEAD_MAX_BYTES = 32768;
const PASSING_MAX_BYTES = 2 ** 30;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const CONTINUE_MAX = 199;
const SWITCHING_PROTOCOLS = 101;
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;
/** The header field by which a server takes up HTTP/2 (RFC 7540, section 3.2). */
const UPGRADE_TO_HTTP2 = /^upgrade[ \t]*:[ \t]*h2c[ \t]*\r?$/im;

/** Whoever reads a head needs it for that long only. */
const FIELDS = new HeaderFields();

/**
 * Requests and responses of one session (RFC 9112), whichever side sends them: each request is reported with its response's
 * status when that comes, or without when it can't come any more. Where a message doesn't start where one should, or octets
 * were lost, and in bodies too, a chunk that starts with a whole request line is a request: a length can lie.
 */
export class HttpReader implements StreamReader {
  readonly #low = new HttpSide();
  readonly #high = new HttpSide();
  readonly #sink: HttpSink;
  readonly #counters: HttpCounters;
  readonly #allowance: Allowance;
  readonly #tunnel: ((session: number) => StreamReader | undefined) | undefined;
  readonly #session: number;
  /** Reads what follows CONNECT, or the change to HTTP/2. */
  #inner: StreamReader | undefined;
  #done = false;
  /** A message left open where its body ends: what other readers may take for requests is looked for in bodies. */
  #ambiguous = false;

  /** `tunnel` makes what reads the octets that follow a CONNECT; it and the sink are given `session`. */
  constructor(
    sink: HttpSink,
    counters: HttpCounters = zeroHttpCounters(),
    allowance: Allowance = ownAllowance(),
    tunnel?: (session: number) => StreamReader | undefined,
    session = 0,
  ) {
    this.#sink = sink;
    this.#counters = counters;
    this.#allowance = allowance;
    this.#tunnel = tunnel;
    this.#session = session;
  }

  get done(): boolean {
    return this.#inner === undefined ? this.#done : this.#inner.done;
  }

  data(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    if (this.#inner !== undefined) this.#inner.data(side, bytes, from, to, timeUs);
    else if (!this.#done) this.#read(side, bytes, from, to, timeUs);
  }

  gap(side: number, count: number): void {
    if (this.#inner !== undefined) this.#inner.gap(side, count);
    else if (!this.#done) this.#lose(side, count);
  }

  end(): void {
    for (let side = 0; side < 2; side++) {
      this.#giveUpHead(side);
      this.#flush(side);
    }
    this.#inner?.end();
    this.#allowance.giveAll();
    this.#done = true;
  }

  /**
   * Octets to come of a side that are passed over, whatever they are. Those of segments that start no message, and nothing that is
   * read in place of one, may be told of by `pass` instead of given to `data`, before anything else is.
   */
  passing(side: number): number {
    const own = this.#side(side);
    if (this.#ambiguous || this.#inner !== undefined || this.#done) return 0;
    if (own.place === "body") return Math.min(own.body.certainBytes, PASSING_MAX_BYTES);
    return own.place === "untilClose" ? PASSING_MAX_BYTES : 0;
  }

  pass(side: number, count: number): void {
    const own = this.#side(side);
    if (own.place !== "body") return;
    own.body.pass(count);
    if (own.body.over) own.endBody();
  }

  #side(side: number): HttpSide {
    return side === 0 ? this.#low : this.#high;
  }

  #read(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    const own = this.#side(side);
    if (own.place !== "start") this.#lookAtChunk(side, own, bytes, from, to);
    let at = from;
    while (at < to && this.#inner === undefined && !this.#done)
      switch (own.place) {
        case "start":
          at = this.#start(side, own, bytes, at, to, timeUs);
          break;
        case "head":
          at = this.#head(side, own, bytes, at, to);
          break;
        case "body":
          at = this.#body(own, bytes, at, to, timeUs);
          break;
        default:
          at = to;
      }
    if (at < to && this.#inner !== undefined) this.#inner.data(side, bytes, at, to, timeUs);
  }

  /** A chunk that starts a message where none is due. */
  #lookAtChunk(side: number, own: HttpSide, bytes: Uint8Array, from: number, to: number): void {
    const { head } = own;
    const isNewLine = head.bytes[head.length - 1] === LF && bytes[from] !== CR && bytes[from] !== LF;
    if (own.place === "head" && !isNewLine) return;
    const startsRequest =
      own.place === "body" ? startsRegisteredRequestLine(bytes, from, to) : startsRequestLine(bytes, from, to);
    if (startsRequest) this.#giveUpHead(side);
    else if (own.place === "head" || this.#side(1 - side).pending.length === 0 || !looksLikeResponse(bytes, from, to))
      return;
    own.place = "start";
  }

  #start(side: number, own: HttpSide, bytes: Uint8Array, from: number, to: number, timeUs: number): number {
    let at = from;
    while (at < to && (bytes[at] === CR || bytes[at] === LF)) at++;
    if (at === to) return to;
    if (this.#ambiguous) at = Math.max(at, findRequestLine(bytes, at, endOfLine(bytes, at, to), to));
    if (!mayStartMessage(bytes, at, to)) {
      if (this.#startsTunnel(side)) return at;
      own.place = "lost";
      return to;
    }
    own.headTimeUs = timeUs;
    const end = this.#message(side, own, bytes, at, to);
    if (end >= 0) return end;
    own.place = "head";
    return this.#head(side, own, bytes, at, to);
  }

  /** Octets of a head that comes in parts. */
  #head(side: number, own: HttpSide, bytes: Uint8Array, from: number, to: number): number {
    const head = own.partialHead(this.#allowance);
    const before = head.length;
    head.append(bytes, from, to, HEAD_MAX_BYTES);
    const isFull = head.isFull && head.end === 0;
    if (head.end === 0 && !isFull && (head.lineEnd === 0 || before >= head.lineEnd)) return to;
    if (isFull) this.#counters.httpHeadsCut++;
    own.place = "start";
    if (head.length === 0) {
      const end = this.#message(side, own, bytes, from, to, true); // there is no room for what comes after it
      return this.#inner === undefined ? this.#loseHead(own, to) : end;
    }
    const part = head.bytes;
    const length = head.end > 0 ? head.end : head.length;
    const end = this.#message(side, own, part, 0, length, isFull);
    if (end < 0) {
      own.place = "head";
      return to;
    }
    if (end < before) this.#inner?.data(side, part, end, before, own.headTimeUs);
    if (isFull && this.#inner === undefined) return this.#loseHead(own, to);
    own.dropHead();
    const place: Place = own.place as Place; // #message may have changed it
    return place === "lost" ? to : from + Math.max(0, end - before);
  }

  /** Nobody knows where the next message starts. */
  #loseHead(own: HttpSide, to: number): number {
    own.dropHead();
    own.place = "lost";
    return to;
  }

  /**
   * The head at `from`; gives the offset behind it, or -1 when the rest of it must come first. `cut`: it won't come.
   */
  #message(side: number, own: HttpSide, bytes: Uint8Array, from: number, to: number, cut = false): number {
    if (startsLikeResponse(bytes, from, to)) return this.#responseAt(side, own, bytes, from, to, cut);
    let line = from;
    while (line < to && bytes[line] !== LF) line++;
    if (line === to && !cut) return -1;
    const request = decodeHttpRequest(bytes, from, to, FIELDS);
    if (request === undefined) {
      if (startsPreface(bytes, from, to)) return this.#openHttp2(side, own.pop(), from);
      own.place = "lost";
      return to;
    }
    if (request.version !== null && !FIELDS.complete && !cut) return -1;
    this.#request(side, own, request);
    return request.endOffset;
  }

  #request(side: number, own: HttpSide, request: HttpRequest): void {
    this.#remember(own, side, { request, timeUs: own.headTimeUs });
    this.#ambiguous ||= FIELDS.ambiguous;
    own.beginBody(request.version === null ? "none" : "request", FIELDS);
  }

  #remember(own: HttpSide, side: number, pending: PendingRequest): void {
    const isKept = this.#allowance.take(waitingBytes(pending.request));
    own.push(isKept ? pending : undefined);
    if (!isKept) this.#sink(transactionOf(pending, side, null), this.#session);
    if (own.pending.length <= PENDING_MAX) return;
    this.#counters.httpPendingDropped++;
    this.#report(side, own.shift(), null);
  }

  #responseAt(side: number, own: HttpSide, bytes: Uint8Array, from: number, to: number, cut: boolean): number {
    let line = from;
    while (line < to && bytes[line] !== LF) line++;
    if (line === to && !cut) return -1;
    const status = statusAt(bytes, from, to);
    if (status === 0) {
      own.place = "lost";
      return to;
    }
    FIELDS.read(bytes, line + 1, to);
    if (!FIELDS.complete && !cut) return -1;
    const { endOffset } = FIELDS;
    if (status === SWITCHING_PROTOCOLS && UPGRADE_TO_HTTP2.test(decodeLatin1(bytes, line, endOffset)))
      return this.#openHttp2(1 - side, this.#side(1 - side).shift(), endOffset);
    this.#response(side, own, status);
    return endOffset;
  }

  #response(side: number, own: HttpSide, status: number): void {
    const { contentLength, chunked } = FIELDS;
    own.place = "start";
    if (status <= CONTINUE_MAX && status !== SWITCHING_PROTOCOLS) return;
    const client = this.#side(1 - side);
    if (client.pending.length === 0 && client.head.lineEnd > 0) this.#giveUpHead(1 - side);
    const pending = client.shift();
    this.#report(1 - side, pending, status);
    if (status === SWITCHING_PROTOCOLS) {
      this.#done = true; // what follows isn't HTTP/1
      return;
    }
    const method = pending?.request.method.toUpperCase();
    if (method === "CONNECT" && status < 300) this.#openTunnel();
    else if (method === "HEAD" || status === NO_CONTENT || status === NOT_MODIFIED) own.beginBody("none", FIELDS);
    else {
      FIELDS.contentLength = contentLength; // reading the request's head may have come between
      FIELDS.chunked = chunked;
      own.beginBody("response", FIELDS);
    }
  }

  #body(own: HttpSide, bytes: Uint8Array, from: number, to: number, timeUs: number): number {
    const { body } = own;
    const at = body.skip(bytes, from, to);
    if (this.#ambiguous && own.pending.length > 0) {
      const request = findRequestLine(bytes, from, at, to);
      if (request >= 0) {
        own.headTimeUs = timeUs;
        own.place = "start";
        return request;
      }
    }
    if (body.over) own.endBody();
    else if (body.lost) {
      own.place = startsRequestLine(bytes, at, to) ? "start" : "lost";
    }
    return at;
  }

  #lose(side: number, count: number): void {
    const own = this.#side(side);
    switch (own.place) {
      case "body":
        own.body.gap(count);
        if (own.body.over) own.endBody();
        if (!own.body.lost) return;
        break;
      case "untilClose":
        return;
      case "head":
        this.#giveUpHead(side);
        break;
      default:
    }
    own.place = "lost";
    this.#flush(1 - side); // responses may have been lost
  }

  /** The rest of a head won't come: what there is of a request is reported. */
  #giveUpHead(side: number): void {
    const own = this.#side(side);
    if (own.place !== "head") return;
    const { head } = own;
    own.place = "lost";
    const request = decodeHttpRequest(head.bytes, 0, head.length, FIELDS);
    if (request !== undefined) this.#remember(own, side, { request, timeUs: own.headTimeUs });
    else if (looksLikeResponse(head.bytes, 0, head.length)) {
      FIELDS.read(head.bytes, head.lineEnd, head.length);
      this.#response(side, own, statusAt(head.bytes, 0, head.length));
      own.place = "lost";
    }
    own.dropHead();
  }

  #flush(side: number): void {
    const own = this.#side(side);
    for (const one of own.pending) this.#report(side, one, null);
    own.dropPending();
  }

  #report(side: number, pending: PendingRequest | undefined, status: number | null): void {
    if (pending === undefined) return;
    this.#allowance.give(waitingBytes(pending.request));
    this.#sink(transactionOf(pending, side, status), this.#session);
  }

  /** A client that goes on without HTTP after CONNECT: the response wasn't seen. */
  #startsTunnel(side: number): boolean {
    const { pending } = this.#side(side);
    if (pending.at(-1)?.request.method.toUpperCase() !== "CONNECT" || this.#tunnel === undefined) return false;
    this.#flush(side);
    this.#openTunnel();
    return true;
  }

  /** From `offset` on, which it gives back; the request that asked for it is answered there. */
  #openHttp2(client: number, upgraded: PendingRequest | undefined, offset: number): number {
    const isUpgrade = upgraded !== undefined && upgraded.request.method.toUpperCase() !== "CONNECT";
    if (!isUpgrade) this.#report(client, upgraded, null);
    this.#flush(0);
    this.#flush(1);
    const open = isUpgrade ? { ...upgraded.request, side: client, timeUs: upgraded.timeUs } : undefined;
    this.#inner = new Http2Reader(this.#sink, this.#counters, this.#allowance, open, this.#session);
    return offset;
  }

  #openTunnel(): void {
    this.#flush(0);
    this.#flush(1);
    this.#inner = this.#tunnel?.(this.#session);
    if (this.#inner !== undefined) return;
    this.#low.place = "lost";
    this.#high.place = "lost";
  }
}

/** Whether a request or a response may start at `from`, as far as the octets go. */
function mayStartMessage(bytes: Uint8Array, from: number, to: number): boolean {
  if (startsLikeResponse(bytes, from, to)) return true;
  const limit = Math.min(to, from + METHOD_MAX_BYTES);
  let at = from;
  while (at < limit && isMethodOctet(bytes[at] as number)) at++;
  return at > from && (at === to || bytes[at] === SPACE || bytes[at] === TAB);
}

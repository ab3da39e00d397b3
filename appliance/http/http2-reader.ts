import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import type { StreamReader } from "../decode/stream-reader.ts";
import { BlockBuffer } from "./block-buffer.ts";
import { type HeaderBlock, HpackDecoder } from "./hpack-decoder.ts";
import { type HttpCounters, type HttpSink, type HttpTransaction, textBytes, waitingBytes } from "./http-transaction.ts";
import {
  blockOffset,
  CONTINUATION,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FRAME_HEADER_BYTES,
  frameLength,
  HEADERS,
  isFrameHeader,
  PREFACE,
  PUSH_PROMISE,
  paddingBytes,
  RST_STREAM,
  SETTINGS,
  startsFrames,
  streamIdAt,
} from "./http2-frame.ts";

/** Requests that wait for their responses, and what their texts may have in all. */
export const STREAMS_MAX = 256;
export const OPEN_MAX_BYTES = 65536;
/** What is kept of a header block, with padding and all. */
export const BLOCK_MAX_BYTES = 32768;

export const HTTP2_VERSION = "HTTP/2";
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const FINAL_STATUS = /^[2-9]\d\d$/;

/** A request without a status so far. */
export type OpenRequest = Omit<HttpTransaction, "status">;

/**
 * Where a side is: before its first octet, or within the preface; in a frame's header; in a payload that nobody reads; in one
 * that has a header block, or a part of it; where nobody knows what the octets are.
 */
type Place = "start" | "header" | "skip" | "block" | "lost";

class Side {
  place: Place = "start";
  prefaceBytes = 0;
  isFirstFrame = true;
  readonly header = new Uint8Array(FRAME_HEADER_BYTES);
  headerBytes = 0;
  /** Of the frame at hand. */
  type = 0;
  flags = 0;
  streamId = 0;
  payloadBytes = 0;
  /** Octets of its payload that are to come. */
  left = 0;
  /** Of the block that isn't whole: its stream, 0 when there is none; what frame it began with, and where in that; since when. */
  blockStreamId = 0;
  blockType = 0;
  blockOffset = 0;
  blockTimeUs = 0;
  readonly block: BlockBuffer;
  readonly hpack: HpackDecoder;

  constructor(counters: HttpCounters, allowance: Allowance) {
    this.block = new BlockBuffer(BLOCK_MAX_BYTES, allowance);
    this.hpack = new HpackDecoder(counters, allowance);
  }
}

/**
 * Requests and responses of a connection in HTTP/2 (RFC 9113), each request with the status of its stream's response. A promise
 * of a push counts as a request of the other side, which is whom it is answered to. Only header blocks are read. Where octets
 * are lost, other than of DATA, frames are looked for at the start of the segments that follow, and of their header blocks
 * what doesn't refer to earlier ones is read.
 */
export class Http2Reader implements StreamReader {
  readonly done = false;
  readonly #sides: readonly [Side, Side];
  readonly #sink: HttpSink;
  readonly #session: number;
  readonly #counters: HttpCounters;
  readonly #allowance: Allowance;
  /** By stream, the oldest first. */
  readonly #open = new Map<number, OpenRequest>();
  #openBytes = 0;

  /** `upgraded` is the request of HTTP/1.1 that is answered on stream 1 (RFC 7540, section 3.2); the sink is given `session`. */
  constructor(
    sink: HttpSink,
    counters: HttpCounters,
    allowance: Allowance = ownAllowance(),
    upgraded?: OpenRequest,
    session = 0,
  ) {
    this.#sink = sink;
    this.#session = session;
    this.#counters = counters;
    this.#allowance = allowance;
    this.#sides = [new Side(counters, allowance), new Side(counters, allowance)];
    if (upgraded !== undefined) this.#wait(1, upgraded);
  }

  data(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    const own = side === 0 ? this.#sides[0] : this.#sides[1];
    if (own.place === "lost" && startsFrames(bytes, from, to)) own.place = "header";
    let at = from;
    while (at < to)
      switch (own.place) {
        case "start":
          at = this.#preface(own, bytes, at);
          break;
        case "header":
          at = this.#header(side, own, bytes, at, to, timeUs);
          break;
        case "skip":
          at = skip(own, at, to);
          break;
        case "block":
          at = this.#payload(side, own, bytes, at, to);
          break;
        case "lost":
          return;
      }
  }

  gap(side: number, count: number): void {
    const own = side === 0 ? this.#sides[0] : this.#sides[1];
    if (own.place === "skip" && count <= own.left) skip(own, 0, count);
    else this.#lose(side, own);
  }

  end(): void {
    for (const id of this.#open.keys()) this.#report(id, null);
    this.#allowance.giveAll();
  }

  /** An octet of the preface; a server has none. */
  #preface(own: Side, bytes: Uint8Array, at: number): number {
    if (bytes[at] === PREFACE[own.prefaceBytes]) {
      own.prefaceBytes++;
      if (own.prefaceBytes === PREFACE.length) own.place = "header";
      return at + 1;
    }
    own.place = own.prefaceBytes === 0 ? "header" : "lost";
    return at;
  }

  #header(side: number, own: Side, bytes: Uint8Array, from: number, to: number, timeUs: number): number {
    const { header } = own;
    let at = from;
    while (at < to && own.headerBytes < FRAME_HEADER_BYTES) header[own.headerBytes++] = bytes[at++] as number;
    if (own.headerBytes < FRAME_HEADER_BYTES) return at;
    own.headerBytes = 0;
    own.type = header[3] as number;
    own.flags = header[4] as number;
    own.streamId = streamIdAt(header, 5);
    own.payloadBytes = frameLength(header, 0);
    own.left = own.payloadBytes;
    this.#frame(side, own, timeUs);
    return at;
  }

  /** A frame whose header is known. */
  #frame(side: number, own: Side, timeUs: number): void {
    const { type, flags, streamId } = own;
    const goesOn = own.blockStreamId > 0;
    if (!isFrameHeader(own.header, 0) || (goesOn && (type !== CONTINUATION || streamId !== own.blockStreamId))) {
      this.#lose(side, own);
      return;
    }
    if (own.isFirstFrame && (type !== SETTINGS || (flags & FLAG_ACK) !== 0)) own.hpack.forget(); // met midway
    own.isFirstFrame = false;
    if (type === HEADERS || type === PUSH_PROMISE) {
      own.blockStreamId = streamId;
      own.blockType = type;
      own.blockOffset = blockOffset(type, flags);
      own.blockTimeUs = timeUs;
    } else if (type === CONTINUATION && !goesOn) own.hpack.forget();
    if (type === RST_STREAM) this.#report(streamId, null);
    own.place = own.blockStreamId > 0 ? "block" : "skip";
    if (own.left > 0) return;
    if (own.place === "block") this.#payload(side, own, own.header, 0, 0);
    else own.place = "header";
  }

  /** Octets of a payload with a header block, which is read when it is whole; in place when it came in one. */
  #payload(side: number, own: Side, bytes: Uint8Array, from: number, to: number): number {
    const { block, type, flags } = own;
    const end = from + Math.min(own.left, to - from);
    own.left -= end - from;
    const isInPlace = own.payloadBytes === end - from && block.length === 0 && (flags & FLAG_END_HEADERS) !== 0;
    if (!isInPlace) block.append(bytes, from, end);
    if (own.left > 0) return end;
    own.place = "header";
    if (isInPlace) this.#endBlock(side, own, bytes, from, end - paddingBytes(flags, bytes, from));
    else {
      if (type !== CONTINUATION && !block.isCut) block.drop(paddingBytes(flags, block.bytes, 0));
      if ((flags & FLAG_END_HEADERS) !== 0) this.#endBlock(side, own, block.bytes, 0, block.length);
    }
    return end;
  }

  /** The block of which `bytes[from]` to `bytes[to - 1]` came, with what its first frame has in front of it. */
  #endBlock(side: number, own: Side, bytes: Uint8Array, from: number, to: number): void {
    const { hpack, blockStreamId, blockType, block } = own;
    const fields: HeaderBlock = {};
    const at = from + own.blockOffset;
    if (at > to) hpack.forget();
    else hpack.decode(bytes, at, to, fields);
    if (block.isCut) {
      this.#counters.httpHeadsCut++;
      hpack.forget();
    }
    const status = fields[":status"];
    if (fields[":method"] === undefined) {
      if (status !== undefined) this.#response(side, blockStreamId, status);
    } else if (blockType === PUSH_PROMISE) this.#request(1 - side, streamIdAt(bytes, at - 4), own.blockTimeUs, fields);
    else this.#request(side, blockStreamId, own.blockTimeUs, fields);
    own.blockStreamId = 0;
    block.clear();
  }

  #request(side: number, streamId: number, timeUs: number, fields: HeaderBlock): void {
    const authority = fields[":authority"];
    const method = fields[":method"] ?? "";
    const isPlainConnect = method === "CONNECT" && fields[":protocol"] === undefined; // RFC 9113, section 8.5; RFC 8441
    const uri = isPlainConnect ? authority : fields[":path"];
    if (uri === undefined || uri === "" || !TOKEN.test(method)) return;
    this.#wait(streamId, {
      method,
      uri,
      version: HTTP2_VERSION,
      host: authority ?? fields.host ?? null,
      userAgent: fields["user-agent"] ?? null,
      referer: fields.referer ?? null,
      side,
      timeUs,
    });
  }

  /** Opens a stream, in place of what is open under its number; gives the oldest up when there are too many, or it when no room is left. */
  #wait(streamId: number, request: OpenRequest): void {
    this.#report(streamId, null);
    if (!this.#allowance.take(waitingBytes(request))) {
      this.#sink({ ...request, status: null }, this.#session);
      return;
    }
    this.#open.set(streamId, request);
    this.#openBytes += textBytes(request);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= STREAMS_MAX && this.#openBytes <= OPEN_MAX_BYTES) return;
      this.#counters.httpPendingDropped++;
      this.#report(oldest, null);
    }
  }

  #response(side: number, streamId: number, status: string): void {
    if (FINAL_STATUS.test(status) && this.#open.get(streamId)?.side === 1 - side)
      this.#report(streamId, Number(status));
  }

  #report(streamId: number, status: number | null): void {
    const request = this.#open.get(streamId);
    if (request === undefined) return;
    this.#open.delete(streamId);
    this.#openBytes -= textBytes(request);
    this.#allowance.give(waitingBytes(request));
    this.#sink({ ...request, status }, this.#session);
  }

  /** Octets were lost, or are no frames: what there is of a block is read as far as it goes. */
  #lose(side: number, own: Side): void {
    if (own.blockStreamId > 0 && own.block.length > 0) this.#endBlock(side, own, own.block.bytes, 0, own.block.length);
    own.hpack.forget();
    own.blockStreamId = 0;
    own.block.clear();
    own.headerBytes = 0;
    own.isFirstFrame = false;
    own.place = "lost";
  }
}

/** Offset behind what belongs to the payload. */
function skip(own: Side, from: number, to: number): number {
  const count = Math.min(own.left, to - from);
  own.left -= count;
  if (own.left === 0) own.place = "header";
  return from + count;
}

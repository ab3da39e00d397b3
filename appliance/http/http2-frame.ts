import { type HeaderBlock, HpackDecoder } from "./hpack-decoder.ts";
import { METHODS } from "./method.ts";

/** RFC 9113, section 3.4. */
export const PREFACE = Uint8Array.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (c) => c.charCodeAt(0));
/** Of the preface, enough to be sure. */
const PREFACE_LEAST_BYTES = 4;

/** RFC 9113, section 4.1. */
export const FRAME_HEADER_BYTES = 9;
export const DATA = 0;
export const HEADERS = 1;
const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const FLAG_ACK = 0x01;
export const FLAG_END_HEADERS = 0x04;
export const FLAG_PADDED = 0x08;
export const FLAG_PRIORITY = 0x20;

/** Flags that are defined for the types 0 to 9. */
const FLAGS = [0x09, 0x2d, 0x00, 0x00, 0x01, 0x0c, 0x01, 0x00, 0x00, 0x04];
/** Of SETTINGS_MAX_FRAME_SIZE what it is at first; hardly anybody raises it, and only DATA grows then. */
const FRAME_MAX_BYTES = 16384;
const SETTING_BYTES = 6;
const PRIORITY_BYTES = 5;

/** Frames of a segment that are looked at to tell what it is. */
const LOOK_MAX_FRAMES = 16;
const UNCOUNTED = { hpackTablesCut: 0 };

/** Octets of a frame's payload. */
export function frameLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/** The number in the four octets at `at`, without the reserved bit. */
export function streamIdAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) & 0x7f) << 24;
  return high | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}

/** Whether the frame header at `at` is one that a peer may send; of a type that isn't known, no long one. RFC 9113, section 6. */
export function isFrameHeader(bytes: Uint8Array, at: number): boolean {
  const length = frameLength(bytes, at);
  const onConnection = streamIdAt(bytes, at + 5) === 0;
  switch (bytes[at + 3]) {
    case DATA:
    case HEADERS:
    case PUSH_PROMISE:
    case CONTINUATION:
      return !onConnection;
    case PRIORITY:
      return length === PRIORITY_BYTES && !onConnection;
    case RST_STREAM:
      return length === 4 && !onConnection;
    case SETTINGS:
      return length % SETTING_BYTES === 0 && length <= FRAME_MAX_BYTES && onConnection;
    case PING:
      return length === 8 && onConnection;
    case GOAWAY:
      return length >= 8 && length <= FRAME_MAX_BYTES && onConnection;
    case WINDOW_UPDATE:
      return length === 4;
    default:
      return length <= FRAME_MAX_BYTES;
  }
}

/** As isFrameHeader, for octets of which nobody knows whether a frame starts there: nothing unusual in it. */
function looksLikeFrameHeader(bytes: Uint8Array, at: number): boolean {
  const type = bytes[at + 3] as number;
  const flags = FLAGS[type];
  if (flags === undefined || ((bytes[at + 4] as number) & ~flags) !== 0 || (bytes[at + 5] as number) >= 0x80)
    return false;
  return frameLength(bytes, at) <= FRAME_MAX_BYTES && isFrameHeader(bytes, at);
}

/** Whether frames start at `from`, each behind the one before, as far as the octets go. */
export function startsFrames(bytes: Uint8Array, from: number, to: number): boolean {
  let at = from;
  for (let i = 0; i < LOOK_MAX_FRAMES && at + FRAME_HEADER_BYTES <= to; i++) {
    if (!looksLikeFrameHeader(bytes, at)) return false;
    at += FRAME_HEADER_BYTES + frameLength(bytes, at);
  }
  return at > from;
}

/** Whether a connection starts at `from`, or goes on with frames of which one is a request that can be read by itself. */
export function startsHttp2(bytes: Uint8Array, from: number, to: number): boolean {
  if (startsPreface(bytes, from, to)) return true;
  if (bytes[from] !== 0 || !startsFrames(bytes, from, to)) return false;
  let at = from;
  for (let i = 0; i < LOOK_MAX_FRAMES && at + FRAME_HEADER_BYTES <= to; i++) {
    const payload = at + FRAME_HEADER_BYTES;
    const end = payload + frameLength(bytes, at);
    if (bytes[at + 3] === HEADERS && end <= to && ((bytes[at + 4] as number) & FLAG_END_HEADERS) !== 0)
      return isRequest(bytes, payload, end, bytes[at + 4] as number);
    at = end;
  }
  return false;
}

/** Whether the preface starts at `from`, or as much of it as there is. */
export function startsPreface(bytes: Uint8Array, from: number, to: number): boolean {
  const length = Math.min(PREFACE.length, to - from);
  for (let i = 0; i < length; i++) if (bytes[from + i] !== PREFACE[i]) return false;
  return length >= PREFACE_LEAST_BYTES;
}

/** Where the header block in the payload of HEADERS or PUSH_PROMISE begins (RFC 9113, sections 6.2 and 6.6). */
export function blockOffset(type: number, flags: number): number {
  const padLength = (flags & FLAG_PADDED) === 0 ? 0 : 1;
  if (type === PUSH_PROMISE) return padLength + 4;
  return padLength + ((flags & FLAG_PRIORITY) === 0 ? 0 : PRIORITY_BYTES);
}

/** Octets of padding behind it. */
export function paddingBytes(flags: number, bytes: Uint8Array, payloadAt: number): number {
  return (flags & FLAG_PADDED) === 0 ? 0 : (bytes[payloadAt] as number);
}

function isRequest(bytes: Uint8Array, payload: number, end: number, flags: number): boolean {
  const block: HeaderBlock = {};
  const from = payload + blockOffset(HEADERS, flags);
  const to = end - paddingBytes(flags, bytes, payload);
  if (from >= to || !new HpackDecoder(UNCOUNTED).decode(bytes, from, to, block)) return false;
  return METHODS.has(block[":method"] ?? "") && (block[":path"] ?? "").startsWith("/");
}

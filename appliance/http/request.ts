import { decodeLatin1 } from "../../core/latin1.ts";
import { METHODS } from "./method.ts";

/** What of a request is kept; each text is cut there. */
const TARGET_MAX_BYTES = 8192;
const FIELD_MAX_BYTES = 1024;
const METHOD_MAX_BYTES = 24;
/** Lines of a header that are looked at. */
const LINES_MAX = 100;
/** Empty lines that may stand before a request line (RFC 9112, section 2.2). */
const EMPTY_LINES_MAX = 4;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;

/** "PRI * HTTP/2.0" opens HTTP/2 (RFC 9113, section 3.4), and is no request. */
const HTTP2_PREFACE = "PRI";

/** One request as it stands in the bytes, a byte a character (latin1). */
export interface HttpRequest {
  readonly method: string;
  readonly uri: string;
  /** "HTTP/1.1"; null when the line ends before it. */
  readonly version: string | null;
  readonly host: string | null;
  readonly userAgent: string | null;
  readonly referer: string | null;
  /** Behind the empty line that ends the header, or the end of the bytes. */
  readonly endOffset: number;
}

/**
 * Whether a request line may start at `from`: letters, then a space. Cheap, and for every segment; decodeHttpRequest then
 * looks closely.
 */
export function mayBeRequest(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < 8) return false;
  let i = from;
  while (i < to && i < from + 2 * EMPTY_LINES_MAX && (bytes[i] === CR || bytes[i] === LF)) i++;
  const end = Math.min(to, i + METHOD_MAX_BYTES);
  const start = i;
  while (i < end && isMethodOctet(bytes[i] as number)) i++;
  return i - start >= 3 && bytes[i] === SPACE;
}

/** A-Z, a-z, "-" and "_": methods in use have no other octets of RFC 9110's token. */
function isMethodOctet(octet: number): boolean {
  return (octet >= 0x41 && octet <= 0x5a) || (octet >= 0x61 && octet <= 0x7a) || octet === 0x2d || octet === 0x5f;
}

/**
 * Reads the request at `from` (RFC 9112, sections 2 and 3), as far as `to` has it; undefined when none stands there. A line
 * may end with a bare LF; the target may hold spaces, as the version is looked for from the end of the line. A line
 * without a version counts with a registered method and a target that looks like one (HTTP/0.9, or a line cut off); a
 * method that isn't registered wants a version, and a path or a URI.
 */
export function decodeHttpRequest(bytes: Uint8Array, from: number, to: number): HttpRequest | undefined {
  if (!mayBeRequest(bytes, from, to)) return undefined;
  let start = from;
  while (bytes[start] === CR || bytes[start] === LF) start++;
  const lineEnd = endOfLine(bytes, start, to);
  const methodEnd = find(bytes, SPACE, start, to);
  const method = decodeLatin1(bytes, start, methodEnd);
  let textEnd = lineEnd;
  while (textEnd > methodEnd && (bytes[textEnd - 1] === CR || bytes[textEnd - 1] === SPACE)) textEnd--;
  const versionAt = findVersion(bytes, methodEnd, textEnd);
  let targetStart = methodEnd;
  while (targetStart < textEnd && bytes[targetStart] === SPACE) targetStart++;
  let targetEnd = versionAt ?? textEnd;
  while (targetEnd > targetStart && bytes[targetEnd - 1] === SPACE) targetEnd--;
  if (targetEnd <= targetStart || method === HTTP2_PREFACE) return undefined;
  const uri = decodeLatin1(bytes, targetStart, Math.min(targetEnd, targetStart + TARGET_MAX_BYTES));
  const known = METHODS.has(method.toUpperCase());
  if (
    known
      ? versionAt === undefined && !looksLikeTarget(method, uri)
      : versionAt === undefined || !/^[/*]|:\/\//.test(uri)
  )
    return undefined;
  const fields = readFields(bytes, lineEnd + 1, to);
  return {
    method,
    uri,
    version: versionAt === undefined ? null : decodeLatin1(bytes, versionAt, textEnd),
    ...fields,
  };
}

/** Offset of the line feed, or `to` when the line isn't over. */
function endOfLine(bytes: Uint8Array, from: number, to: number): number {
  return find(bytes, LF, from, to);
}

/** Offset of the first such octet, or `to`: TypedArray's own indexOf knows no end, and would search the whole block. */
function find(bytes: Uint8Array, octet: number, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== octet) at++;
  return at;
}

/** Offset of the "HTTP/d.d" that ends the line. */
function findVersion(bytes: Uint8Array, from: number, to: number): number | undefined {
  const at = to - 8;
  if (at <= from || bytes[at - 1] !== SPACE) return undefined;
  return /^HTTP\/\d\.\d$/i.test(decodeLatin1(bytes, at, to)) ? at : undefined;
}

/** RFC 9112, section 3.2: origin, absolute, authority and asterisk form. */
function looksLikeTarget(method: string, uri: string): boolean {
  if (method.toUpperCase() === "CONNECT") return /^[\w.:[\]-]+:\d+$/.test(uri);
  return /^(?:\/[\x21-\xff]*|\*|[a-z][a-z0-9+.-]*:\/\/[\x21-\xff]*)$/i.test(uri);
}

function readFields(
  bytes: Uint8Array,
  from: number,
  to: number,
): Pick<HttpRequest, "host" | "userAgent" | "referer" | "endOffset"> {
  let host: string | null = null;
  let userAgent: string | null = null;
  let referer: string | null = null;
  let at = Math.min(from, to);
  for (let i = 0; i < LINES_MAX && at < to; i++) {
    const lineEnd = endOfLine(bytes, at, to);
    const end = lineEnd > at && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    const next = Math.min(lineEnd + 1, to);
    if (end === at) return { host, userAgent, referer, endOffset: next };
    const colon = find(bytes, COLON, at, end);
    if (colon < end && isWanted(bytes, at, colon))
      switch (decodeLatin1(bytes, at, colon).trimEnd().toLowerCase()) {
        case "host":
          host ??= fieldValue(bytes, colon + 1, end);
          break;
        case "user-agent":
          userAgent ??= fieldValue(bytes, colon + 1, end);
          break;
        case "referer":
          referer ??= fieldValue(bytes, colon + 1, end);
          break;
        default:
      }
    at = next;
  }
  return { host, userAgent, referer, endOffset: at };
}

/** Whether the name of a field may be one of the three, by its first letter and length: "Host", "Referer", "User-Agent". */
function isWanted(bytes: Uint8Array, from: number, to: number): boolean {
  const length = to - from;
  const letter = (bytes[from] as number) | 0x20;
  return (
    length <= METHOD_MAX_BYTES &&
    ((letter === 0x68 && length >= 4) || (letter === 0x72 && length >= 7) || (letter === 0x75 && length >= 10))
  );
}

function fieldValue(bytes: Uint8Array, from: number, to: number): string {
  return decodeLatin1(bytes, from, Math.min(to, from + FIELD_MAX_BYTES)).trim();
}

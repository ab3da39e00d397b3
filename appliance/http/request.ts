import { decodeLatin1 } from "../../core/latin1.ts";
import { HeaderFields, isDigit } from "./header-fields.ts";
import { METHODS } from "./method.ts";

/** What of a request is kept; each text is cut there. */
export const TARGET_MAX_BYTES = 8192;
export const METHOD_MAX_BYTES = 24;
/** Empty lines that may stand before a request line (RFC 9112, section 2.2). */
const EMPTY_LINES_MAX = 16;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const SLASH = 0x2f;

/** Of "HTTP/1.1". */
const VERSION_BYTES = 8;

/** "PRI * HTTP/2.0" opens HTTP/2 (RFC 9113, section 3.4), and is no request. */
const HTTP2_PREFACE = "PRI";

/** One request as it stands in the bytes, a byte a character (latin1). */
export interface HttpRequest {
  readonly method: string;
  readonly uri: string;
  /** "HTTP/1.1"; null when the line ends before it; "HTTP/2" where there is no such line. */
  readonly version: string | null;
  readonly host: string | null;
  readonly userAgent: string | null;
  readonly referer: string | null;
  /** Behind the empty line that ends the header, or the end of the bytes. */
  readonly endOffset: number;
}

/**
 * Whether a request line may start at `from`: a method, then a space. Cheap, and for every segment; decodeHttpRequest then
 * looks closely.
 */
export function mayBeRequest(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < 8) return false;
  let i = from;
  while (i < to && i < from + 2 * EMPTY_LINES_MAX && (bytes[i] === CR || bytes[i] === LF)) i++;
  const end = Math.min(to, i + METHOD_MAX_BYTES);
  const start = i;
  while (i < end && IN_TOKEN[bytes[i] as number] === 1) i++;
  return i > start && isBlank(bytes[i]);
}

/** Octets of a token, as a method is one: RFC 9110, section 5.6.2. */
const IN_TOKEN = Uint8Array.from({ length: 256 }, (_, octet) =>
  /[\w!#$%&'*+.^`|~-]/.test(String.fromCharCode(octet)) ? 1 : 0,
);

export function isMethodOctet(octet: number): boolean {
  return IN_TOKEN[octet] === 1;
}

/**
 * Whether the octets from `from` to `to` are the start of a request line that isn't over: of a registered method, with or without
 * something behind it.
 */
export function startsPartOfRequestLine(bytes: Uint8Array, from: number, to: number): boolean {
  const limit = Math.min(to, from + METHOD_MAX_BYTES);
  let end = from;
  while (end < limit && isMethodOctet(bytes[end] as number)) end++;
  if (end === from || (end < to && (!isBlank(bytes[end]) || find(bytes, LF, end, to) < to))) return false;
  const method = decodeLatin1(bytes, from, end).toUpperCase();
  if (end < to) return METHODS.has(method);
  for (const known of METHODS) if (known.startsWith(method)) return true;
  return false;
}

/**
 * Reads the request at `from` (RFC 9112, sections 2 and 3), as far as `to` has it; undefined when none stands there. A line
 * may end with a bare LF; the target may hold spaces, as the version is looked for from the end of the line. A line
 * without a version, or with an odd one, counts with a registered method and a target that looks like one (HTTP/0.9, or a line cut off); a
 * method that isn't registered wants a version, and a path or a URI. `fields` takes what the header says, for the caller.
 */
export function decodeHttpRequest(
  bytes: Uint8Array,
  from: number,
  to: number,
  fields: HeaderFields = new HeaderFields(),
): HttpRequest | undefined {
  if (!mayBeRequest(bytes, from, to)) return undefined;
  let start = from;
  while (bytes[start] === CR || bytes[start] === LF) start++;
  const lineEnd = endOfLine(bytes, start, to);
  const methodEnd = endOfMethod(bytes, start, to);
  const method = decodeLatin1(bytes, start, methodEnd);
  const known = METHODS.has(method.toUpperCase());
  let textEnd = lineEnd;
  while (textEnd > methodEnd && (bytes[textEnd - 1] === CR || isBlank(bytes[textEnd - 1]))) textEnd--;
  const versionAt = findVersion(bytes, methodEnd, textEnd);
  const lastWordAt = versionAt ?? (lineEnd < to ? findOddVersion(bytes, methodEnd, textEnd) : undefined);
  if (versionAt === undefined && lineEnd === to) textEnd = withoutCutVersion(bytes, methodEnd, textEnd);
  let targetStart = methodEnd;
  while (targetStart < textEnd && isBlank(bytes[targetStart])) targetStart++;
  let targetEnd = lastWordAt ?? textEnd;
  while (targetEnd > targetStart && isBlank(bytes[targetEnd - 1])) targetEnd--;
  if (targetEnd <= targetStart || method === HTTP2_PREFACE) return undefined;
  const uri = decodeLatin1(bytes, targetStart, Math.min(targetEnd, targetStart + TARGET_MAX_BYTES));
  if (
    known
      ? versionAt === undefined && !looksLikeTarget(method, uri)
      : versionAt === undefined || !/^[/*]|:\/\//.test(uri)
  )
    return undefined;
  fields.read(bytes, lineEnd + 1, to);
  return {
    method,
    uri,
    version: lastWordAt === undefined ? null : decodeLatin1(bytes, lastWordAt, textEnd),
    host: fields.host(bytes),
    userAgent: fields.userAgent(bytes),
    referer: fields.referer(bytes),
    endOffset: fields.endOffset,
  };
}

/** Offset of the line feed, or `to` when the line isn't over. */
export function endOfLine(bytes: Uint8Array, from: number, to: number): number {
  return find(bytes, LF, from, to);
}

/** Words may be set apart by spaces and tabs (RFC 9112, section 3). */
function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB;
}

function endOfMethod(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && !isBlank(bytes[at])) at++;
  return at;
}

/** Offset of the first such octet, or `to`: TypedArray's own indexOf knows no end, and would search the whole block. */
function find(bytes: Uint8Array, octet: number, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== octet) at++;
  return at;
}

/** Offset of the "HTTP/d.d" that ends the line. */
function findVersion(bytes: Uint8Array, from: number, to: number): number | undefined {
  const at = to - VERSION_BYTES;
  return at > from && isBlank(bytes[at - 1]) && isVersion(bytes, at) ? at : undefined;
}

/** Offset of a last word that is meant to be a version: "HTTP/1", "HTTP1.1". */
function findOddVersion(bytes: Uint8Array, from: number, to: number): number | undefined {
  let at = to;
  while (at > from && to - at <= 2 * VERSION_BYTES && !isBlank(bytes[at - 1])) at--;
  return /^HTTP\/?\d[\d.]*$/i.test(decodeLatin1(bytes, at, to)) ? at : undefined;
}

/** Whether "HTTP/d.d" stands at `at`, which has eight octets behind it. */
export function isVersion(bytes: Uint8Array, at: number): boolean {
  return (
    ((bytes[at] as number) | 0x20) === 0x68 &&
    ((bytes[at + 1] as number) | 0x20) === 0x74 &&
    ((bytes[at + 2] as number) | 0x20) === 0x74 &&
    ((bytes[at + 3] as number) | 0x20) === 0x70 &&
    bytes[at + 4] === 0x2f &&
    isDigit(bytes[at + 5] as number) &&
    bytes[at + 6] === 0x2e &&
    isDigit(bytes[at + 7] as number)
  );
}

/** End of the target on a line that was cut within its version. */
function withoutCutVersion(bytes: Uint8Array, from: number, to: number): number {
  let space = to - 1;
  while (space > from && space > to - VERSION_BYTES && bytes[space] !== SPACE) space--;
  if (space <= from || bytes[space] !== SPACE) return to;
  const tail = decodeLatin1(bytes, space + 1, to).toUpperCase();
  return /^H(?:T(?:T(?:P(?:\/(?:\d\.?)?)?)?)?)?$/.test(tail) ? space : to;
}

/**
 * Whether a whole request line starts at `from`: a method, a target that starts like one, a version, and the end of the line.
 * What is asked of a segment that no reassembly can vouch for, inside of a body. Allocates nothing.
 */
export function startsRequestLine(bytes: Uint8Array, from: number, to: number): boolean {
  if (!mayBeRequest(bytes, from, to)) return false;
  let at = from;
  while (bytes[at] === CR || bytes[at] === LF) at++;
  const methodEnd = endOfMethod(bytes, at, to);
  const lineEnd = find(bytes, LF, methodEnd, Math.min(to, methodEnd + TARGET_MAX_BYTES));
  if (bytes[lineEnd] !== LF || lineEnd >= to) return false;
  let end = lineEnd;
  while (end > methodEnd && (bytes[end - 1] === CR || isBlank(bytes[end - 1]))) end--;
  return findVersion(bytes, methodEnd, end) !== undefined;
}

/** Whether that line's method is a registered one: asked of what stands in the middle of a body. */
export function startsRegisteredRequestLine(bytes: Uint8Array, from: number, to: number): boolean {
  if (!startsRequestLine(bytes, from, to)) return false;
  let at = from;
  while (bytes[at] === CR || bytes[at] === LF) at++;
  return METHODS.has(decodeLatin1(bytes, at, endOfMethod(bytes, at, to)).toUpperCase());
}

/** RFC 9112, section 3.2: origin, absolute, authority and asterisk form. */
function looksLikeTarget(method: string, uri: string): boolean {
  if (method.toUpperCase() === "CONNECT") return /^[\w.:[\]-]+:\d+$/.test(uri);
  return /^(?:\/[\x21-\xff]*|\*|[a-z][a-z0-9+.-]*:\/\/[\x21-\xff]*)$/i.test(uri);
}

/** Octets of a body in which a request line is looked for. */
const SEARCH_MAX_BYTES = 4096;

/**
 * Offset of the first request line between `from` and `end` that may go on up to `to`, at any place; -1 when there is none. For
 * bodies of which two readers think differently. The method is a registered one, so that what stands before it is told apart.
 */
export function findRequestLine(bytes: Uint8Array, from: number, end: number, to: number): number {
  const limit = Math.min(end, from + SEARCH_MAX_BYTES);
  for (let space = from + 3; space < limit; space++) {
    if (bytes[space] !== SPACE || bytes[space + 1] !== SLASH) continue;
    let start = space;
    while (start > from && space - start < METHOD_MAX_BYTES && isUpperCase(bytes[start - 1] as number)) start--;
    if (METHODS.has(decodeLatin1(bytes, start, space)) && startsRequestLine(bytes, start, to)) return start;
  }
  return -1;
}

function isUpperCase(octet: number): boolean {
  return octet >= 0x41 && octet <= 0x5a;
}

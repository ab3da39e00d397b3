import { decodeLatin1 } from "../../core/latin1.ts";

const FIELD_MAX_BYTES = 1024;
/** Longest name that is looked for. */
const NAME_MAX_BYTES = 24;
/** A Content-Length of more digits is no length. */
const LENGTH_MAX_DIGITS = 15;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;

/** Offsets of a value; `from` is -1 when there is none. */
interface Span {
  from: number;
  to: number;
}

/** What a message's header says: where it ends, what goes into the record, and how long the body is (RFC 9112, section 6). */
export class HeaderFields {
  /** Behind the empty line, or the end of the bytes. */
  endOffset = 0;
  /** The empty line was there. */
  complete = false;
  /** -1: none, or no number. Of several the least: whoever takes another for the right one sees what follows as a message. */
  contentLength = -1;
  chunked = false;
  /** Two readers may see the body end at different places: several lengths, or a length beside a coding. */
  ambiguous = false;
  readonly #host: Span = { from: -1, to: 0 };
  readonly #userAgent: Span = { from: -1, to: 0 };
  readonly #referer: Span = { from: -1, to: 0 };

  host(bytes: Uint8Array): string | null {
    return textOf(bytes, this.#host);
  }

  userAgent(bytes: Uint8Array): string | null {
    return textOf(bytes, this.#userAgent);
  }

  referer(bytes: Uint8Array): string | null {
    return textOf(bytes, this.#referer);
  }

  /** Reads field lines from `from` to the empty line or to `to`. A line may end with a bare LF, a value go on in folded lines. */
  read(bytes: Uint8Array, from: number, to: number): void {
    this.#clear();
    let at = Math.min(from, to);
    while (at < to) {
      let lineEnd = at;
      let colon = -1;
      for (; lineEnd < to; lineEnd++) {
        const octet = bytes[lineEnd] as number;
        if (octet === LF) break;
        if (octet === COLON && colon < 0) colon = lineEnd;
      }
      const end = lineEnd > at && bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
      if (end === at) {
        this.complete = lineEnd < to;
        this.endOffset = Math.min(lineEnd + 1, to);
        return;
      }
      if (colon > 0 && colon - at <= NAME_MAX_BYTES) lineEnd = this.#field(bytes, at, colon, lineEnd, to);
      at = Math.min(lineEnd + 1, to);
    }
    this.endOffset = at;
  }

  #clear(): void {
    this.complete = false;
    this.contentLength = -1;
    this.chunked = false;
    this.ambiguous = false;
    this.#host.from = -1;
    this.#userAgent.from = -1;
    this.#referer.from = -1;
  }

  /** Takes a field of interest; gives the end of its last line. */
  #field(bytes: Uint8Array, from: number, colon: number, lineEnd: number, to: number): number {
    let nameEnd = colon;
    while (nameEnd > from && isBlank(bytes[nameEnd - 1] as number)) nameEnd--;
    const letter = (bytes[from] as number) | 0x20;
    switch (nameEnd - from) {
      case 4:
        return letter === 0x68 && isName(bytes, from, "host") ? take(bytes, this.#host, colon, lineEnd, to) : lineEnd;
      case 7:
        if (letter === 0x72 && isName(bytes, from, "referer")) return take(bytes, this.#referer, colon, lineEnd, to);
        return lineEnd;
      case 10:
        return letter === 0x75 && isName(bytes, from, "user-agent")
          ? take(bytes, this.#userAgent, colon, lineEnd, to)
          : lineEnd;
      case 14:
        if (letter === 0x63 && isName(bytes, from, "content-length")) this.#length(bytes, colon + 1, lineEnd);
        return lineEnd;
      case 17:
        if (letter !== 0x74 || !isName(bytes, from, "transfer-encoding")) return lineEnd;
        if (/chunked/i.test(decodeLatin1(bytes, colon + 1, Math.min(lineEnd, colon + 64)))) this.chunked = true;
        if (this.contentLength >= 0) this.ambiguous = true;
        return lineEnd;
      default:
        return lineEnd;
    }
  }

  #length(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to && isBlank(bytes[at] as number)) at++;
    const start = at;
    let length = 0;
    for (; at < to && isDigit(bytes[at] as number); at++) length = length * 10 + (bytes[at] as number) - 0x30;
    if (at === start || at - start > LENGTH_MAX_DIGITS) {
      this.ambiguous = true;
      return;
    }
    if (this.chunked || (this.contentLength >= 0 && this.contentLength !== length)) this.ambiguous = true;
    this.contentLength = this.contentLength < 0 ? length : Math.min(length, this.contentLength);
  }
}

/** The first of several counts; a folded value goes on (RFC 9112, section 5.2). */
function take(bytes: Uint8Array, span: Span, colon: number, lineEnd: number, to: number): number {
  let end = lineEnd;
  while (end + 1 < to && isBlank(bytes[end + 1] as number)) {
    end += 2;
    while (end < to && bytes[end] !== LF) end++;
  }
  if (span.from < 0) {
    span.from = colon + 1;
    span.to = end;
  }
  return end;
}

function textOf(bytes: Uint8Array, span: Span): string | null {
  if (span.from < 0) return null;
  let { from } = span;
  while (from < span.to && isBlank(bytes[from] as number)) from++;
  const text = decodeLatin1(bytes, from, Math.min(span.to, from + FIELD_MAX_BYTES)).trim();
  return text.includes("\n") ? text.replace(/\r?\n[ \t]*/g, " ") : text;
}

/** Whether the name at `from`, of the length of `name`, is that in any case. */
function isName(bytes: Uint8Array, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const octet = bytes[from + i] as number;
    const lower = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
    if (lower !== name.charCodeAt(i)) return false;
  }
  return true;
}

function isBlank(octet: number): boolean {
  return octet === SPACE || octet === TAB;
}

export function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}

import { renderJsonLine } from "../../core/json-line.ts";
import { ALARM_COLUMNS, HANDSHAKE_COLUMNS, HTTP_COLUMNS, SESSION_COLUMNS } from "./record.ts";

const CAPACITY_BYTES = 256 * 1024;
/** A buffer that had to grow beyond this is given up when it is cleared. */
const CAPACITY_KEPT_BYTES = 4 * 1024 * 1024;
/** Longest text of a number (17 digits, sign, point, exponent), with room to spare. */
const NUMBER_BYTES = 32;
/** RFC 8259, section 7: the longest way to write a UTF-16 code unit is `\u` and four digits. */
const ESCAPED_BYTES = 6;

const NEWLINE = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const POINT = 0x2e;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const CLOSE_BRACE = 0x7d;
const TILDE = 0x7e;

const MILLION = 1_000_000;
const BILLION = 1_000_000_000;
/** Below this, neighbouring multiples of a millionth are different numbers with different texts. */
const MILLIONTHS_EXACT_BELOW = 2 ** 32;

/** "00" to "99". */
const TWO_DIGITS = Uint8Array.from(
  { length: 200 },
  (_, i) => ZERO + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10),
);
/** "null". */
const NULL = 0x6e756c6c;

type Cell = string | number | null;

/** Octets, as doubles of eight: one store each. Octets of ASCII never make a NaN, whose bits might change. */
interface Prefix {
  readonly lengthBytes: number;
  readonly eights: Float64Array;
}

/** A kind of record whose keys have a fixed order: what is written before each value. */
export interface LineShape<Column extends string> {
  readonly columns: readonly Column[];
  readonly prefixes: readonly Prefix[];
  /** Of a line, without its texts. */
  readonly roomBytes: number;
}

/** `type` comes first, then the columns. */
export function makeLineShape<Column extends string>(type: string, columns: readonly Column[]): LineShape<Column> {
  const prefixes = columns.map((column, i) =>
    makePrefix(`${i === 0 ? `{"type":${JSON.stringify(type)},` : ","}${JSON.stringify(column)}:`),
  );
  const keyBytes = prefixes.reduce((sum, prefix) => sum + prefix.lengthBytes, 0);
  return { columns, prefixes, roomBytes: keyBytes + columns.length * NUMBER_BYTES };
}

function makePrefix(text: string): Prefix {
  const octets = new TextEncoder().encode(text);
  const padded = new Uint8Array(8 * Math.ceil(octets.length / 8));
  padded.set(octets);
  const view = new DataView(padded.buffer);
  const eights = Float64Array.from({ length: padded.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
  return { lengthBytes: octets.length, eights };
}

export const SESSION_LINE = makeLineShape("session", SESSION_COLUMNS);
export const HTTP_LINE = makeLineShape("http", HTTP_COLUMNS);
export const HANDSHAKE_LINE = makeLineShape("handshake", HANDSHAKE_COLUMNS);
export const ALARM_LINE = makeLineShape("alarm", ALARM_COLUMNS);

/**
 * Lines of JSON as octets, one after the other in a buffer that grows: octet for octet what renderJsonLine gives for an
 * object whose keys are in the order of its shape, without making the text.
 */
export class LineOctets {
  bytes: Uint8Array = new Uint8Array(CAPACITY_BYTES);
  lengthBytes = 0;
  #view = new DataView(this.bytes.buffer);
  readonly #encoder = new TextEncoder();

  clear(): void {
    this.lengthBytes = 0;
    if (this.bytes.length > CAPACITY_KEPT_BYTES) this.#use(new Uint8Array(CAPACITY_BYTES));
  }

  /** One record and a line feed. */
  append<Column extends string>(shape: LineShape<Column>, record: Readonly<Record<Column, Cell>>): void {
    const { columns, prefixes, roomBytes } = shape;
    let at = this.lengthBytes;
    this.reserve(at + roomBytes);
    for (let i = 0; i < columns.length; i++) {
      const bytes = this.bytes;
      const { eights, lengthBytes } = prefixes[i] as Prefix;
      for (let j = 0; j < eights.length; j++) this.#view.setFloat64(at + 8 * j, eights[j] as number, true);
      at += lengthBytes;
      const value = record[columns[i] as Column];
      if (typeof value === "number") at = writeNumber(bytes, at, value);
      else if (value === null) {
        this.#view.setUint32(at, NULL);
        at += 4;
      } else at = this.#writeText(at, value, roomBytes);
    }
    this.bytes[at] = CLOSE_BRACE;
    this.bytes[at + 1] = NEWLINE;
    this.lengthBytes = at + 2;
  }

  /** A line that is text already, and a line feed. */
  appendText(line: string): void {
    this.reserve(this.lengthBytes + 3 * line.length + 1);
    this.lengthBytes += this.#encoder.encodeInto(line, this.bytes.subarray(this.lengthBytes)).written;
    this.bytes[this.lengthBytes++] = NEWLINE;
  }

  /** Makes the buffer hold at least so many octets. */
  reserve(sizeBytes: number): void {
    if (sizeBytes <= this.bytes.length) return;
    const bytes = new Uint8Array(Math.max(sizeBytes, 2 * this.bytes.length));
    bytes.set(this.bytes);
    this.#use(bytes);
  }

  #use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  #writeText(at: number, text: string, roomBytes: number): number {
    const { length } = text;
    this.reserve(at + ESCAPED_BYTES * length + 2 + roomBytes);
    const bytes = this.bytes;
    bytes[at] = QUOTE;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < SPACE || unit > TILDE || unit === QUOTE || unit === BACKSLASH)
        return at + this.#encoder.encodeInto(renderJsonLine(text), bytes.subarray(at)).written;
      bytes[at + 1 + i] = unit;
    }
    bytes[at + 1 + length] = QUOTE;
    return at + length + 2;
  }
}

/**
 * The text of a number as ECMAScript has it (ECMA-262, Number::toString); null for what JSON lacks. Integers and whole
 * millionths are written digit by digit: below 2^32 doubles lie closer together than millionths, so that no shorter text
 * stands for the same number.
 */
function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  if ((value | 0) === value && value >= 0 && value < BILLION) return writeInteger(bytes, at, value);
  if (value > 0 && value < MILLIONTHS_EXACT_BELOW) {
    const millionths = Math.round(value * MILLION);
    if (millionths / MILLION === value) return writeMillionths(bytes, at, millionths);
  }
  const text = Number.isFinite(value) ? String(value) : "null";
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function writeMillionths(bytes: Uint8Array, at: number, millionths: number): number {
  const whole = Math.floor(millionths / MILLION);
  const fraction = millionths - whole * MILLION;
  if (whole < BILLION) at = writeInteger(bytes, at, whole);
  else {
    const millions = Math.floor(whole / MILLION);
    at = writeInteger(bytes, at, millions);
    at = writeSixDigits(bytes, at, whole - millions * MILLION);
  }
  if (fraction === 0) return at;
  bytes[at] = POINT;
  at = writeSixDigits(bytes, at + 1, fraction);
  while (bytes[at - 1] === ZERO) at--;
  return at;
}

/** 0 up to a billion. */
function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let power = 10; value >= power; power *= 10) digits++;
  let end = at + digits;
  while (value >= 10) {
    const rest = (value / 100) | 0;
    const pair = value - 100 * rest;
    end -= 2;
    bytes[end] = TWO_DIGITS[2 * pair] as number;
    bytes[end + 1] = TWO_DIGITS[2 * pair + 1] as number;
    value = rest;
  }
  if (end > at) bytes[at] = ZERO + value;
  return at + digits;
}

function writeSixDigits(bytes: Uint8Array, at: number, value: number): number {
  for (let end = at + 4; end >= at; end -= 2) {
    const rest = (value / 100) | 0;
    const pair = value - 100 * rest;
    bytes[end] = TWO_DIGITS[2 * pair] as number;
    bytes[end + 1] = TWO_DIGITS[2 * pair + 1] as number;
    value = rest;
  }
  return at + 6;
}

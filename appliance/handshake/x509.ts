import { DerCursor, TAG_CONTEXT_0, TAG_INTEGER, TAG_SEQUENCE } from "../../core/der.ts";
import { decodeLatin1 } from "../../core/latin1.ts";
import { renderName } from "./x509-name.ts";

/** What is read of a certificate; null: not there, or behind something that can't be read. */
export interface CertificateFacts {
  /** RFC 4514. */
  readonly subject: string | null;
  readonly issuer: string | null;
  /** Lower-case hexadecimal, without the octet that only says that it is positive. */
  readonly serial: string | null;
  /** Unix seconds. */
  readonly notAfter: number | null;
}

const TAG_UTC_TIME = 0x17;
const TAG_GENERALIZED_TIME = 0x18;
/** RFC 5280, section 4.1.2.2, has 20; others occur. */
const SERIAL_MAX_BYTES = 64;
/** RFC 5280, section 4.1.2.5.1. */
const CENTURY_TURNS_AT = 50;
const MINUTE_SECONDS = 60;

/** Reads an X.509 certificate in DER (RFC 5280, section 4.1) as far as its subject; undefined when it is none. */
export function decodeCertificate(bytes: Uint8Array): CertificateFacts | undefined {
  const outer = new DerCursor(bytes, 0, bytes.length);
  if (!outer.take(TAG_SEQUENCE)) return undefined;
  const certificate = outer.inside();
  if (!certificate.take(TAG_SEQUENCE)) return undefined;
  const tbs = certificate.inside();
  tbs.take(TAG_CONTEXT_0); // version
  if (!tbs.take(TAG_INTEGER) || tbs.from === tbs.to) return undefined;
  const serial = renderSerial(bytes, tbs.from, tbs.to);
  tbs.take(TAG_SEQUENCE); // signature algorithm
  const issuer = tbs.take(TAG_SEQUENCE) ? renderName(tbs.inside()) : null;
  const notAfter = tbs.take(TAG_SEQUENCE) ? readNotAfter(tbs.inside()) : null;
  const subject = tbs.take(TAG_SEQUENCE) ? renderName(tbs.inside()) : null;
  return { subject, issuer, serial, notAfter };
}

function renderSerial(bytes: Uint8Array, from: number, to: number): string {
  const start = to - from > 1 && bytes[from] === 0 ? from + 1 : from;
  return bytes.subarray(start, Math.min(to, start + SERIAL_MAX_BYTES)).toHex();
}

function readNotAfter(validity: DerCursor): number | null {
  if (!validity.next() || !validity.next()) return null;
  const text = decodeLatin1(validity.bytes, validity.from, Math.min(validity.to, validity.from + 32));
  if (validity.tag === TAG_UTC_TIME) return readTime(text, 2);
  return validity.tag === TAG_GENERALIZED_TIME ? readTime(text, 4) : null;
}

const TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d+)?(?:Z|([+-])(\d\d)(\d\d))?$/;

/** YYMMDDhhmm[ss] or YYYYMMDDhhmm[ss], in UTC where no offset follows (X.680, sections 46 and 47). */
function readTime(text: string, yearDigits: number): number | null {
  const match = TIME.exec(text.slice(yearDigits));
  if (match === null || !/^\d+$/.test(text.slice(0, yearDigits))) return null;
  const [, month, day, hour, minute, second, sign, offsetHours, offsetMinutes] = match;
  let year = Number(text.slice(0, yearDigits));
  if (yearDigits === 2) year += year < CENTURY_TURNS_AT ? 2000 : 1900;
  const offset = sign === undefined ? 0 : Number(offsetHours) * 60 + Number(offsetMinutes);
  const date = new Date(0); // Date.UTC takes years below 100 for those of the 20th century
  date.setUTCFullYear(year, Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second ?? 0));
  return date.getTime() / 1000 - (sign === "-" ? -offset : offset) * MINUTE_SECONDS;
}

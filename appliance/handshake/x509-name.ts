import {
  type DerCursor,
  renderObjectIdentifier,
  TAG_OBJECT_IDENTIFIER,
  TAG_SEQUENCE,
  TAG_SET,
} from "../../core/der.ts";
import { decodeLatin1 } from "../../core/latin1.ts";

/** Descriptors of RFC 4519, section 2, of RFC 4524 and of PKCS #9 (RFC 2985). */
const DESCRIPTORS: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.4", "SN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "STREET"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.12", "title"],
  ["2.5.4.13", "description"],
  ["2.5.4.15", "businessCategory"],
  ["2.5.4.17", "postalCode"],
  ["2.5.4.41", "name"],
  ["2.5.4.42", "givenName"],
  ["2.5.4.43", "initials"],
  ["2.5.4.44", "generationQualifier"],
  ["2.5.4.45", "x500UniqueIdentifier"],
  ["2.5.4.46", "dnQualifier"],
  ["2.5.4.97", "organizationIdentifier"],
  ["0.9.2342.19200300.100.1.1", "UID"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
]);

const TAG_UTF8 = 0x0c;
const TAG_NUMERIC = 0x12;
const TAG_PRINTABLE = 0x13;
const TAG_TELETEX = 0x14;
const TAG_IA5 = 0x16;
const TAG_VISIBLE = 0x1a;
const TAG_UNIVERSAL = 0x1c;
const TAG_BMP = 0x1e;

/** Of a name; what is beyond is left out (RFC 5280, appendix A.1, has 64 characters and more for most attributes). */
const PARTS_MAX = 64;
const VALUE_MAX_BYTES = 1024;
const NAME_MAX_CHARACTERS = 2048;
/** Where a code point is none. */
const REPLACEMENT = 0xfffd;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** A distinguished name, the last part first, "CN=www.example.com,O=Example,C=DE" (RFC 4514, section 2). */
export function renderName(name: DerCursor): string {
  const parts: string[] = [];
  let left = NAME_MAX_CHARACTERS;
  while (parts.length < PARTS_MAX && left > 0 && name.take(TAG_SET)) {
    const values: string[] = [];
    const set = name.inside();
    while (values.length < PARTS_MAX && left > 0 && set.take(TAG_SEQUENCE)) {
      const value = renderAttribute(set.inside());
      if (value === undefined) continue;
      values.push(value);
      left -= value.length;
    }
    parts.push(values.join("+"));
  }
  return parts.reverse().join(",");
}

function renderAttribute(attribute: DerCursor): string | undefined {
  if (!attribute.take(TAG_OBJECT_IDENTIFIER)) return undefined;
  const type = renderObjectIdentifier(attribute.bytes, attribute.from, attribute.to);
  if (type === undefined || !attribute.next()) return undefined;
  const descriptor = DESCRIPTORS.get(type);
  const text = descriptor === undefined ? undefined : decodeText(attribute);
  return `${descriptor ?? type}=${text === undefined ? renderHexValue(attribute) : escapeValue(text)}`;
}

/** The value as a string; undefined when it is of no string type (X.680, section 41). */
function decodeText({ bytes, tag, from, to: end }: DerCursor): string | undefined {
  const to = Math.min(end, from + VALUE_MAX_BYTES);
  switch (tag) {
    case TAG_UTF8:
      return utf8.decode(bytes.subarray(from, to));
    case TAG_NUMERIC:
    case TAG_PRINTABLE:
    case TAG_TELETEX:
    case TAG_IA5:
    case TAG_VISIBLE:
      return decodeLatin1(bytes, from, to);
    case TAG_BMP:
      return decodeWide(bytes, from, to, 2).toWellFormed();
    case TAG_UNIVERSAL:
      return decodeWide(bytes, from, to, 4).toWellFormed();
    default:
      return undefined;
  }
}

/** Big-endian units of 2 or 4 octets. */
function decodeWide(bytes: Uint8Array, from: number, to: number, unitBytes: number): string {
  let text = "";
  for (let at = from; at + unitBytes <= to; at += unitBytes) {
    let code = 0;
    for (let i = 0; i < unitBytes; i++) code = code * 256 + (bytes[at + i] as number);
    text += unitBytes === 2 ? String.fromCharCode(code) : String.fromCodePoint(code > 0x10ffff ? REPLACEMENT : code);
  }
  return text;
}

/** Nothing in it is escaped. */
const PLAIN_VALUE = /^[\w.*@:/'()-](?:[\w.*@:/'() -]*[\w.*@:/'()-])?$/;

/** RFC 4514, section 2.4; control characters are escaped too, as it allows. */
function escapeValue(text: string): string {
  if (PLAIN_VALUE.test(text)) return text;
  const escaped = text.replace(/["+,;<>\\]|^[ #]|(?<=.) $/gs, "\\$&");
  return Array.from(escaped, (c) =>
    isControl(c.charCodeAt(0)) ? `\\${c.charCodeAt(0).toString(16).padStart(2, "0")}` : c,
  ).join("");
}

function isControl(code: number): boolean {
  return code < 0x20 || code === 0x7f;
}

/** "#" and the whole DER value in hexadecimal. */
function renderHexValue({ bytes, start, to }: DerCursor): string {
  return `#${bytes.subarray(start, Math.min(to, start + VALUE_MAX_BYTES)).toHex()}`;
}

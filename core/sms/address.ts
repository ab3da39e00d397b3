import { type Decoded, malformed, ok, truncated } from "../decoded.ts";
import { decodeSeptets } from "./septets.ts";

/** Types of number and numbering plan, 3GPP TS 23.040, section 9.1.2.5. */
const INTERNATIONAL_ISDN = 0x91;
const UNKNOWN_ISDN = 0x81;
const TYPE_MASK = 0x70;
const TYPE_INTERNATIONAL = 0x10;
const TYPE_ALPHANUMERIC = 0x50;
/** Semi-octets of an address at most: 3GPP TS 23.040, section 9.1.2.5. */
const DIGITS_MAX = 20;
/** Of TP-OA and TP-DA digits, TS 23.040 section 9.1.2.3: digits 0-9, *, #, a, b, c; 15 fills up. */
const DIGITS = "0123456789*#abc";

export interface Address {
  /** Digits, with `+` before an international number; or the text of an alphanumeric address. */
  readonly text: string;
  /** Octets read, from the length octet on. */
  readonly lengthBytes: number;
}

/** TP-DA or TP-OA: digits, type, semi-octets. Throws a RangeError when `number` is none. */
export function encodeAddress(number: string): Uint8Array {
  if (!/^\+?[0-9]{1,20}$/.test(number)) throw new RangeError(`no telephone number: ${number}`);
  const digits = number.replace("+", "");
  const bytes = new Uint8Array(2 + Math.ceil(digits.length / 2));
  bytes[0] = digits.length;
  bytes[1] = number.startsWith("+") ? INTERNATIONAL_ISDN : UNKNOWN_ISDN;
  for (let i = 0; i < digits.length; i += 2) {
    const high = i + 1 < digits.length ? Number(digits[i + 1]) : 0xf;
    bytes[2 + i / 2] = (high << 4) | Number(digits[i]);
  }
  return bytes;
}

/** Reads TP-DA or TP-OA at `offset`; offsets in an Undecodable are those of `bytes`. */
export function decodeAddress(bytes: Uint8Array, offset: number): Decoded<Address> {
  const digitCount = bytes[offset];
  const type = bytes[offset + 1];
  if (digitCount === undefined || type === undefined) return truncated(bytes.length);
  if (digitCount > DIGITS_MAX) return malformed(offset);
  const lengthBytes = 2 + Math.ceil(digitCount / 2);
  if (offset + lengthBytes > bytes.length) return truncated(bytes.length);
  const packed = bytes.subarray(offset + 2, offset + lengthBytes);
  if ((type & TYPE_MASK) === TYPE_ALPHANUMERIC)
    return ok({ text: decodeSeptets(packed, Math.floor((digitCount * 4) / 7)), lengthBytes });
  let text = (type & TYPE_MASK) === TYPE_INTERNATIONAL ? "+" : "";
  for (let i = 0; i < digitCount; i++) {
    const octet = packed[i >> 1] ?? 0;
    const digit = DIGITS[(i & 1) === 0 ? octet & 0xf : octet >> 4];
    if (digit === undefined) return malformed(offset + 2 + (i >> 1));
    text += digit;
  }
  return ok({ text, lengthBytes });
}

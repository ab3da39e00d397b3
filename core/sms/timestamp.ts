import { type Decoded, malformed, ok, truncated } from "../decoded.ts";

/** TP-SCTS, 3GPP TS 23.040, section 9.2.3.11: year to second as swapped semi-octets, then quarters of an hour to UTC. */
export const TIMESTAMP_BYTES = 7;
const QUARTER_MS = 15 * 60 * 1000;
/** 3GPP TS 23.040 gives two digits of the year. */
const CENTURY = 2000;

/** In UTC; what is below a second is cut. */
export function encodeTimestamp(atMs: number): Uint8Array {
  const date = new Date(atMs);
  const year = date.getUTCFullYear() - CENTURY;
  if (!(year >= 0 && year <= 99)) throw new RangeError(`no time of this century: ${atMs}`);
  const fields = [year, date.getUTCMonth() + 1, date.getUTCDate()];
  fields.push(date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), 0);
  return Uint8Array.from(fields, (field) => ((field % 10) << 4) | Math.floor(field / 10));
}

/** Unix milliseconds. */
export function decodeTimestamp(bytes: Uint8Array, offset: number): Decoded<number> {
  if (offset + TIMESTAMP_BYTES > bytes.length) return truncated(bytes.length);
  const fields: number[] = [];
  for (let i = 0; i < 6; i++) {
    const octet = bytes[offset + i] ?? 0;
    if ((octet & 0xf) > 9 || octet >> 4 > 9) return malformed(offset + i);
    fields.push((octet & 0xf) * 10 + (octet >> 4));
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const atMs = Date.UTC(CENTURY + year, month - 1, day, hour, minute, second);
  const date = new Date(atMs);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return malformed(offset + 1);
  if (hour > 23 || minute > 59 || second > 59) return malformed(offset + 3);
  const zone = bytes[offset + 6] ?? 0;
  const quarters = (zone & 0x7) * 10 + (zone >> 4);
  if (zone >> 4 > 9) return malformed(offset + 6);
  return ok(atMs - ((zone & 0x8) === 0 ? quarters : -quarters) * QUARTER_MS);
}

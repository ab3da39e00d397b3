import { isDigit } from "./header-fields.ts";

const SPACE = 0x20;

/** "HTTP/1.1 200": of a status line, what is needed to be sure (RFC 9112, section 4). */
const STATUS_LINE_BYTES = 12;
/** Octets in which the status is looked for, where more than one space precedes it. */
const STATUS_WITHIN_BYTES = 24;

/** Whether a status line starts at `from`. Cheap. */
export function looksLikeResponse(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from >= STATUS_LINE_BYTES && startsLikeResponse(bytes, from, to) && statusAt(bytes, from, to) > 0;
}

/** Whether what stands at `from` is "HTTP/", or as much of it as there is, in any case. */
export function startsLikeResponse(bytes: Uint8Array, from: number, to: number): boolean {
  const name = "http/";
  const length = Math.min(name.length, to - from);
  for (let i = 0; i < length; i++)
    if (((bytes[from + i] as number) | 0x20) !== (name.charCodeAt(i) | 0x20)) return false;
  return length > 0;
}

/** The status of the status line at `from`; 0 when there is none. */
export function statusAt(bytes: Uint8Array, from: number, to: number): number {
  const limit = Math.min(to, from + STATUS_WITHIN_BYTES);
  let at = from + 5;
  while (at < limit && (isDigit(bytes[at] as number) || bytes[at] === 0x2e)) at++;
  if (at >= limit || bytes[at] !== SPACE) return 0;
  while (at < limit && bytes[at] === SPACE) at++;
  if (at + 3 > to) return 0;
  let status = 0;
  for (let i = 0; i < 3; i++) {
    const octet = bytes[at + i] as number;
    if (!isDigit(octet)) return 0;
    status = status * 10 + octet - 0x30;
  }
  return status;
}

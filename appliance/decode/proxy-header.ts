import { decodeLatin1 } from "../../core/latin1.ts";

/** The PROXY protocol of HAProxy, section 2.1: such a line has 107 octets at most. */
const LINE_MAX_BYTES = 107;
const LINE = /^PROXY (?:TCP[46] [\da-fA-F.:]+ [\da-fA-F.:]+ \d+ \d+|UNKNOWN[ -~]*)\r\n/;
const LETTER_P = 0x50;
const LETTER_R = 0x52;
/** Section 2.2: the signature, version and command, family, length. */
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const HEADER_BYTES = 16;

/** Offset behind the header at `from` by which a proxy says for whom it speaks; `from` itself when there is none, or not all of it. */
export function behindProxyHeader(bytes: Uint8Array, from: number, to: number): number {
  if (bytes[from] === LETTER_P && bytes[from + 1] === LETTER_R) {
    const line = LINE.exec(decodeLatin1(bytes, from, Math.min(to, from + LINE_MAX_BYTES)));
    return line === null ? from : from + line[0].length;
  }
  if (to - from < HEADER_BYTES || !SIGNATURE.every((octet, i) => bytes[from + i] === octet)) return from;
  const end = from + HEADER_BYTES + (((bytes[from + 14] as number) << 8) | (bytes[from + 15] as number));
  return end <= to ? end : from;
}

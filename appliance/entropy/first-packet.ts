/** What exempts a first packet; bits of gfwFirstPacket's answer. */
export const FIRST_BITS_BIASED = 1;
export const FIRST_STARTS_PRINTABLE = 2;
export const FIRST_MOSTLY_PRINTABLE = 4;
export const FIRST_PRINTABLE_RUN = 8;
export const FIRST_TLS_OR_HTTP = 16;

const SPARSE_BITS_PER_BYTE = 3.4;
const DENSE_BITS_PER_BYTE = 4.6;
const PRINTABLE_START_BYTES = 6;
const PRINTABLE_RUN_BYTES = 20;
const TLS_HEAD_BYTES = 3;
const TLS_LAST_MINOR_VERSION = 9;

const POPULATION = Uint8Array.from({ length: 256 }, (_, value) => value.toString(2).replaceAll("0", "").length);
const METHODS: readonly (readonly number[])[] = ["GET ", "PUT ", "POST ", "HEAD "].map((method) =>
  Array.from(method, (letter) => letter.charCodeAt(0)),
);

/**
 * Why the Great Firewall of China doesn't take the first payload of a connection, `bytes[from]` to `bytes[to - 1]`, for fully encrypted
 * traffic; 0: it does, and blocks it. Source: Wu et al., "How the Great Firewall of China Detects and Blocks Fully Encrypted Traffic",
 * USENIX Security 2023, algorithm 1. In order of the bits: (Ex1) an octet has at most 3.4 or at least 4.6 set bits on average; (Ex2) the
 * first six are printable, 0x20 to 0x7e; (Ex3) more than half are; (Ex4) more than 20 in a row are; (Ex5) it begins as TLS or HTTP.
 * An empty one has no bits set.
 */
export function gfwFirstPacket(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  let bits = 0;
  let printable = 0;
  let run = 0;
  let found = 0;
  for (let i = from; i < to; i++) {
    const octet = bytes[i] as number;
    bits += POPULATION[octet] as number;
    if (octet < 0x20 || octet > 0x7e) {
      run = 0;
      continue;
    }
    printable++;
    run++;
    if (run === PRINTABLE_START_BYTES && i === from + PRINTABLE_START_BYTES - 1) found |= FIRST_STARTS_PRINTABLE;
    if (run > PRINTABLE_RUN_BYTES) found |= FIRST_PRINTABLE_RUN;
  }
  if (bits <= SPARSE_BITS_PER_BYTE * length || bits >= DENSE_BITS_PER_BYTE * length) found |= FIRST_BITS_BIASED;
  if (2 * printable > length) found |= FIRST_MOSTLY_PRINTABLE;
  if (startsAsTls(bytes, from, to) || startsAsHttp(bytes, from, to)) found |= FIRST_TLS_OR_HTTP;
  return found;
}

function startsAsTls(bytes: Uint8Array, from: number, to: number): boolean {
  const type = bytes[from];
  return (
    to - from >= TLS_HEAD_BYTES &&
    (type === 0x16 || type === 0x17) &&
    bytes[from + 1] === 3 &&
    (bytes[from + 2] as number) <= TLS_LAST_MINOR_VERSION
  );
}

function startsAsHttp(bytes: Uint8Array, from: number, to: number): boolean {
  return METHODS.some((method) => method.length <= to - from && method.every((octet, i) => bytes[from + i] === octet));
}

/**
 * How a censor's rule would see the first packet of a connection: Wu et al., "How the Great Firewall of China Detects and
 * Blocks Fully Encrypted Traffic", USENIX Security 2023, section 4. A packet that none of the bits but LOOKED_AT is set of
 * is one that this rule takes for fully encrypted.
 */
export const FIRST_LOOKED_AT = 1;
/** Ex1: at most 3.4 or at least 4.6 set bits an octet on average. */
export const FIRST_BITS_BIASED = 2;
/** Ex2: the first six octets are printable. */
export const FIRST_STARTS_PRINTABLE = 4;
/** Ex3: more than half of the octets are printable. */
export const FIRST_MOSTLY_PRINTABLE = 8;
/** Ex4: more than 20 octets in a row are printable. */
export const FIRST_RUN_PRINTABLE = 16;
/** Ex5: it starts as TLS or HTTP does. */
export const FIRST_TLS_OR_HTTP = 32;

const SPARSE_BITS_PER_BYTE = 3.4;
const DENSE_BITS_PER_BYTE = 4.6;
const PRINTABLE_START_BYTES = 6;
const PRINTABLE_RUN_BYTES = 20;
/** The censor's first packet is a segment; jumbo ones say no more than their start. */
const LOOKED_AT_MAX_BYTES = 2048;

const POPULATION = Uint8Array.from({ length: 256 }, (_, value) => {
  let bits = 0;
  for (let rest = value; rest !== 0; rest >>= 1) bits += rest & 1;
  return bits;
});

/** Looks at `bytes[from]` to `bytes[to - 1]`, the first payload of a direction; allocates nothing. 0 where there is none. */
export function describeFirstPacket(bytes: Uint8Array, from: number, to: number): number {
  const length = Math.min(to - from, LOOKED_AT_MAX_BYTES);
  if (length <= 0) return 0;
  let bits = 0;
  let printable = 0;
  let run = 0;
  let longestRun = 0;
  let found = FIRST_LOOKED_AT;
  for (let i = 0; i < length; i++) {
    const octet = bytes[from + i] as number;
    bits += POPULATION[octet] as number;
    if (octet >= 0x20 && octet <= 0x7e) {
      printable++;
      if (++run > longestRun) longestRun = run;
      if (run === i + 1 && run === PRINTABLE_START_BYTES) found |= FIRST_STARTS_PRINTABLE;
    } else run = 0;
  }
  if (bits <= SPARSE_BITS_PER_BYTE * length || bits >= DENSE_BITS_PER_BYTE * length) found |= FIRST_BITS_BIASED;
  if (2 * printable > length) found |= FIRST_MOSTLY_PRINTABLE;
  if (longestRun > PRINTABLE_RUN_BYTES) found |= FIRST_RUN_PRINTABLE;
  if (startsAsTlsOrHttp(bytes, from, length)) found |= FIRST_TLS_OR_HTTP;
  return found;
}

/** True where the rule takes the packet for fully encrypted. */
export function looksFullyEncrypted(firstPacket: number): boolean {
  return firstPacket === FIRST_LOOKED_AT;
}

/** As the censor does it: 0x16 or 0x17, 3, 0..9; or the first octets of GET, PUT, POST and HEAD and a space. */
function startsAsTlsOrHttp(bytes: Uint8Array, from: number, length: number): boolean {
  if (length < 3) return false;
  const first = bytes[from] as number;
  if (first === 0x16 || first === 0x17) return bytes[from + 1] === 3 && (bytes[from + 2] as number) <= 9;
  return METHODS.some((method) => method.length <= length && method.every((octet, i) => bytes[from + i] === octet));
}

const METHODS: readonly (readonly number[])[] = ["GET ", "PUT ", "POST ", "HEAD "].map((method) =>
  Array.from(method, (letter) => letter.charCodeAt(0)),
);

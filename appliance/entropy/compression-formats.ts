import { DeflateTrial } from "./deflate-trial.ts";
import { type FormatSignature, magic, octetOr, textMagic } from "./format-signature.ts";
import { hasText, word16, word32, word32Little } from "./octets.ts";
import { range } from "./signature.ts";

const trial = new DeflateTrial();

/** Bits of evidence that raw DEFLATE must show: by chance one stream of a million does. */
const RAW_DEFLATE_BITS = 20;
/** Behind a zlib header that no compressor writes by itself. */
const ODD_ZLIB_BITS = 10;
/** CMF and FLG with a window of 32 KiB and no dictionary, one a level (RFC 1950, section 2.2). */
const USUAL_ZLIB: readonly number[] = [0x7801, 0x785e, 0x789c, 0x78da];
const ZLIB_DICTIONARY = 0x20;
const WINDOW_BYTES = 32_768;

/** RFC 1952, section 2.3: no reserved flag, known extra flags and operating system. */
export function isGzip(b: Uint8Array, from: number, to: number): boolean {
  const system = octetOr(b, from + 9, to, 3);
  return (
    (octetOr(b, from + 3, to, 0) & 0xe0) === 0 &&
    [0, 2, 4].includes(octetOr(b, from + 8, to, 0)) &&
    (system <= 13 || system === 255)
  );
}

/** RFC 1950: method 8, window of at most 32 KiB, a multiple of 31; DEFLATE behind it. */
function isZlib(b: Uint8Array, from: number, to: number): boolean {
  const header = word16(b, from);
  if (to - from < 2 || header % 31 !== 0 || (header & 0x8f00) !== 0x0800) return false;
  const hasDictionary = (header & ZLIB_DICTIONARY) !== 0;
  const bits = trial.start(b, from + (hasDictionary ? 6 : 2), to, hasDictionary ? WINDOW_BYTES : 0);
  return bits >= (USUAL_ZLIB.includes(header) ? 0 : ODD_ZLIB_BITS);
}

function isRawDeflate(b: Uint8Array, from: number, to: number): boolean {
  return trial.start(b, from, to) >= RAW_DEFLATE_BITS;
}

/** RFC 8878, section 3.1.1: no reserved bit, a first block of a known type that is not longer than its greatest. */
export function isZstd(b: Uint8Array, from: number, to: number): boolean {
  const descriptor = octetOr(b, from + 4, to, 0);
  if ((descriptor & 0x08) !== 0) return false;
  const isSingle = (descriptor & 0x20) !== 0;
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  const at = from + 5 + (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] as number) + sizeBytes;
  if (at + 3 > to) return true;
  const block = (b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16);
  const type = (block >> 1) & 3;
  return type !== 3 && (type === 1 || block >> 3 <= 131_072);
}

/** LZ4's frame format: version 1, no reserved bit, blocks of 64 KiB to 4 MiB. */
function isLz4Frame(b: Uint8Array, from: number, to: number): boolean {
  return (octetOr(b, from + 4, to, 0x40) & 0xc2) === 0x40 && (octetOr(b, from + 5, to, 0x40) & 0xcf) === 0x40;
}

/** Its old one: a block of at most 8 MiB, compressed. */
function isLz4Legacy(b: Uint8Array, from: number, to: number): boolean {
  return to - from >= 8 && word32Little(b, from + 4) <= 8_421_520;
}

/** Blocks of 100 to 900 kB, the first one's magic or, of nothing, the last one's. */
function isBzip2(b: Uint8Array, from: number, to: number): boolean {
  const level = octetOr(b, from + 3, to, 0x39);
  if (level < 0x31 || level > 0x39) return false;
  if (to - from < 10) return to - from < 5 || b[from + 4] === 0x31 || b[from + 4] === 0x17;
  const first = word32(b, from + 4);
  const rest = word16(b, from + 8);
  return (first === 0x3141_5926 && rest === 0x5359) || (first === 0x1772_4538 && rest === 0x5090);
}

/** xz: a zero, and a known check. */
function isXz(b: Uint8Array, from: number, to: number): boolean {
  return octetOr(b, from + 6, to, 0) === 0 && octetOr(b, from + 7, to, 0) <= 15;
}

/**
 * LZMA as `lzma` writes it: properties, a dictionary of 2^n or 3 * 2^n octets, a length that is unknown or below 2^40, and the
 * range coder's first octet, 0.
 */
function isLzmaAlone(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 14 || b[from + 13] !== 0) return false;
  const dictionary = word32Little(b, from + 1);
  const lowest = dictionary & -dictionary;
  const odd = dictionary / (lowest >>> 0);
  if (dictionary < 4096 || (odd !== 1 && odd !== 3)) return false;
  const high = word32Little(b, from + 9);
  return high < 256 || (high === 0xffff_ffff && word32Little(b, from + 5) === 0xffff_ffff);
}

/** lzip: version 0 or 1, a dictionary of 4 KiB to 512 MiB. */
function isLzip(b: Uint8Array, from: number, to: number): boolean {
  const size = octetOr(b, from + 5, to, 12) & 0x1f;
  return octetOr(b, from + 4, to, 1) <= 1 && size >= 12 && size <= 29;
}

/** compress: codes of 9 to 16 bits, no reserved bit; the first code stands for itself. */
function isCompress(b: Uint8Array, from: number, to: number): boolean {
  const flags = octetOr(b, from + 2, to, 0);
  const bits = flags & 0x1f;
  return to - from >= 5 && (flags & 0x60) === 0 && bits >= 9 && bits <= 16 && ((b[from + 4] as number) & 1) === 0;
}

/** Zstandard's and LZ4's skippable frame, before one of theirs. */
function isSkippable(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 8 || word32Little(b, from) >>> 4 !== 0x0184_d2a5) return false;
  const next = from + 8 + word32Little(b, from + 4);
  return next + 4 > to || [0xfd2f_b528, 0x184d_2204].includes(word32Little(b, next));
}

/** Streams of octets, compressed as a whole. */
export const COMPRESSION_FORMATS: readonly FormatSignature[] = [
  magic("1f8b08", isGzip),
  magic("28b52ffd", isZstd),
  { first: range(0x50, 0x5f), matches: isSkippable },
  magic("04224d18", isLz4Frame),
  magic("02214c18", isLz4Legacy),
  textMagic("BZh", isBzip2),
  magic("fd377a585a00", isXz),
  { first: [0x5d], matches: isLzmaAlone },
  textMagic("LZIP", isLzip),
  magic("894c5a4f000d0a1a0a"), // lzop
  magic("ff060000", (b, from, to) => hasText(b, from + 4, to, "sNaPpY")), // Snappy's framing format
  magic("1f9d", isCompress),
  textMagic("bvx2"), // LZFSE
  { first: range(0, 7).map((window) => (window << 4) | 8), matches: isZlib },
];

/** Looked for after all others, as it says nothing of itself. Blocks with a type of 3 there are none. */
export const RAW_DEFLATE: FormatSignature = {
  first: range(0, 255).filter((octet) => ((octet >> 1) & 3) !== 3),
  matches: isRawDeflate,
};

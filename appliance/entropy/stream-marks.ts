import { isFrameChain } from "./audio-frames.ts";
import { isGzip, isZstd } from "./compression-formats.ts";
import { isZipEntry } from "./container-formats.ts";
import { type FormatMatcher, type FormatSignature, magic, textMagic } from "./format-signature.ts";
import { isOgg, isTransportStream } from "./media-formats.ts";
import { hasText } from "./octets.ts";
import { range } from "./signature.ts";

/** Of bzip2's blocks and of its end, 48 bits that start at any bit. */
const BZIP2_MARKS: readonly bigint[] = [0x3141_5926_5359n, 0x1772_4538_5090n];
const FRAMES = 3;
const TS_PACKETS = 4;

/** The octets that lie whole in a mark of 48 bits, of which `bits` go before them. */
function withinMark(mark: bigint, bits: number): FormatSignature {
  const octets = (mark >> BigInt((48 - bits) % 8)) & ((1n << (bits === 0 ? 48n : 40n)) - 1n);
  return magic(octets.toString(16).padStart(bits === 0 ? 12 : 10, "0"));
}

/** A piece of PNG's data, of less than 64 KiB: its length and its name. */
function isPngPiece(b: Uint8Array, from: number, to: number): boolean {
  return b[from + 1] === 0 && hasText(b, from + 4, to, "IDAT");
}

/** What compressed streams and media hold again and again, each too long to be there by chance: 1 of 100,000 windows of 4 KiB. */
const MARKS: readonly FormatSignature[] = [
  ...BZIP2_MARKS.flatMap((mark) => range(0, 7).map((bits) => withinMark(mark, bits))),
  textMagic("OggS\0", isOgg),
  { first: [0], matches: isPngPiece },
  textMagic("endstream"), // PDF
  magic("1f8b0800", isGzip),
  magic("504b0304", isZipEntry),
  magic("28b52ffd", isZstd),
  magic("1f43b675"), // a cluster of Matroska
  { first: [0x47], matches: (b, from, to) => isTransportStream(b, from, to, TS_PACKETS) },
  { first: [0xff], matches: (b, from, to) => isFrameChain(b, from, to, FRAMES) },
];

/** Matchers by the first octet. */
const MATCHERS: readonly (readonly FormatMatcher[] | undefined)[] = Array.from({ length: 256 }, (_, octet) => {
  const fitting = MARKS.filter(({ first }) => first.includes(octet)).map(({ matches }) => matches);
  return fitting.length > 0 ? fitting : undefined;
});

/** True where such a mark is anywhere in the octets. */
export function hasStreamMark(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const matchers = MATCHERS[bytes[at] as number];
    if (matchers?.some((matches) => matches(bytes, at, to))) return true;
  }
  return false;
}

/** Octets 255 with a 0 behind them that are no chance where there is no other 255 but a marker's. */
const STUFFED_LEAST = 3;

/** The coded data of JPEG (ITU-T T.81, section F.1.2.3): a zero is stuffed behind each octet 255, and else there are RSTn only. */
export function isJpegScan(bytes: Uint8Array, from: number, to: number): boolean {
  let stuffed = 0;
  for (let at = from; at + 1 < to; at++) {
    if (bytes[at] !== 0xff) continue;
    const next = bytes[at + 1] as number;
    if (next === 0) stuffed++;
    else if (next < 0xd0 || next > 0xd7) return false;
  }
  return stuffed >= STUFFED_LEAST;
}

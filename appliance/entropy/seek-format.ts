import { bitUnevenness, UNEVENNESS_LEAST_BYTES } from "./bit-patterns.ts";
import { DeflateSeek } from "./deflate-seek.ts";
import { FORMAT_COMPRESSED, FORMAT_NONE, type Format } from "./recognise-format.ts";
import { hasStreamMark, isJpegScan } from "./stream-marks.ts";

/** Octets under which a window says nothing. */
const LEAST_BYTES = 256;
/** Three of 100,000 windows of random octets are more uneven. */
const UNEVENNESS_OF_CHANCE = 6;

const deflate = new DeflateSeek();

/**
 * Judges a window from the middle of a stream, at most 4 KiB of it: compressed, or of no format that shows there. To be asked about
 * octets that are nearly flat: what is in clear is uneven, too. Of windows of random octets, fewer than 1 in 10,000 are taken for
 * compressed.
 */
export function seekFormat(bytes: Uint8Array, from: number, to: number): Format {
  if (to - from < LEAST_BYTES) return FORMAT_NONE;
  const isCompressed =
    isJpegScan(bytes, from, to) ||
    (to - from >= UNEVENNESS_LEAST_BYTES && bitUnevenness(bytes, from, to) > UNEVENNESS_OF_CHANCE) ||
    hasStreamMark(bytes, from, to) ||
    deflate.find(bytes, from, to);
  return isCompressed ? FORMAT_COMPRESSED : FORMAT_NONE;
}

import { bitUnevenness } from "./bit-patterns.ts";
import { FORMAT_COMPRESSED, FORMAT_NONE, type Format } from "./recognise-format.ts";

/** Octets under which a window says nothing. */
const LEAST_BYTES = 256;
/** Three of 100,000 windows of random octets are more uneven. */
const UNEVENNESS_OF_CHANCE = 6;

/** Judges a window from the middle of a stream, at most 4 KiB: compressed, or of no format that shows there. Allocates nothing. */
export function seekFormat(bytes: Uint8Array, from: number, to: number): Format {
  if (to - from < LEAST_BYTES) return FORMAT_NONE;
  return bitUnevenness(bytes, from, to) > UNEVENNESS_OF_CHANCE ? FORMAT_COMPRESSED : FORMAT_NONE;
}

import { BYTE_VALUES, type Counts } from "./histogram.ts";

/** Samples are at most this long, so that c * log2(c) comes from a table. */
const TABLE_SIZE = 65_536;
const cLog2C = new Float64Array(TABLE_SIZE);
for (let c = 2; c < TABLE_SIZE; c++) cLog2C[c] = c * Math.log2(c);

/**
 * Entropy in bits a byte of a sample of `total` bytes: Shannon (1948), section 6, with the correction for small samples
 * of Miller (1955), (m - 1) / 2N nats for m values seen; 0 for constant bytes, at most 8.
 */
export function entropyBitsPerByte(counts: Counts, base: number, total: number): number {
  let sum = 0;
  let seen = 0;
  for (let i = base; i < base + BYTE_VALUES; i++) {
    const count = counts[i] as number;
    sum += cLog2C[count] as number;
    seen += (count + 0xffff) >>> 16; // 1 unless it is 0, without a branch: which it is can't be foretold
  }
  const plugIn = Math.log2(total) - sum / total;
  return Math.min(8, Math.max(0, plugIn) + (seen - 1) / (2 * total * Math.LN2));
}

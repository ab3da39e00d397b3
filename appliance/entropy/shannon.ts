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
  // two sums, since each addition waits for the one before it
  let sum = 0;
  let other = 0;
  let seen = 0;
  for (let i = base; i < base + BYTE_VALUES; i += 2) {
    const count = counts[i] as number;
    const next = counts[i + 1] as number;
    sum += cLog2C[count] as number;
    other += cLog2C[next] as number;
    seen += ((count + 0xffff) >>> 16) + ((next + 0xffff) >>> 16); // 1 unless it is 0, without a branch: which it is can't be foretold
  }
  const plugIn = Math.log2(total) - (sum + other) / total;
  return Math.min(8, Math.max(0, plugIn) + (seen - 1) / (2 * total * Math.LN2));
}

const expectedOfTotal = new Map<number, number>();
const EXPECTED_MAX = 65_536;
/** Terms that are smaller, beyond the mean, are left out: of at most 65,535 together less than 1e-11 bits. */
const NEGLIGIBLE = 1e-16;

/**
 * How much less the entropy of a sample is than that of as many uniformly random bytes is on average, both as the plug-in estimate has
 * them, H - E[H_N], in bits a byte: about 0 for what is random, at any length, negative for anything less flat. The expectation is
 * exact (to 1e-9 bits), where Paninski's ("Estimation of entropy and mutual information", 2003) is for N / 256 fixed. For 1 to 65,535
 * bytes.
 */
export function paninski(counts: Counts, base: number, total: number): number {
  let sum = 0;
  for (let i = base; i < base + BYTE_VALUES; i++) sum += cLog2C[counts[i] as number] as number;
  return Math.log2(total) - sum / total - expectedEntropy(total);
}

/** Of the plug-in estimate for uniformly random bytes: each count is binomial. */
function expectedEntropy(total: number): number {
  let expected = expectedOfTotal.get(total);
  if (expected !== undefined) return expected;
  let sum = 0;
  let probability = (1 - 1 / BYTE_VALUES) ** total;
  for (let count = 0; count <= total; count++) {
    const term = probability * (cLog2C[count] as number);
    sum += term;
    if (count > total / BYTE_VALUES && count > 2 && term < NEGLIGIBLE) break;
    probability *= (total - count) / ((count + 1) * (BYTE_VALUES - 1));
  }
  expected = Math.log2(total) - (BYTE_VALUES * sum) / total;
  if (expectedOfTotal.size < EXPECTED_MAX) expectedOfTotal.set(total, expected);
  return expected;
}

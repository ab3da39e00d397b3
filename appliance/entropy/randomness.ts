import { BYTE_VALUES, type Counts } from "./histogram.ts";
import { EXACT_FROM_BYTES, EXACT_PAIRS_99 } from "./randomness-table.ts";

/** Samples shorter than this have no randomness. */
export const RANDOMNESS_LEAST_BYTES = 64;

/** 99th percentile of the standard normal distribution. */
const Z_99 = 2.3263478740408408;

/**
 * Standard deviation of the byte frequencies of a sample, by the number of unordered pairs of equal bytes in it: the sum of
 * the squared counts is N + 2 * pairs, so all that the statistic can be is a step for each whole number of pairs.
 */
function deviationOfPairs(pairs: number, total: number): number {
  const meanSquare = (total + 2 * pairs) / (BYTE_VALUES * total * total);
  return Math.sqrt(Math.max(0, meanSquare - 1 / (BYTE_VALUES * BYTE_VALUES)));
}

/**
 * The smallest number of pairs whose cumulative probability is at least .99 in `total` uniformly random bytes. Exact (from
 * the table of scripts/randomness-table.ts) where single steps matter; above, a Pearson type III distribution (Cornish and
 * Fisher's expansion) with the exact mean, variance and third moment of that number: indicators of two pairs are
 * independent, so only single pairs and triangles contribute.
 */
export function pairs99(total: number): number {
  const exact = EXACT_PAIRS_99[total - EXACT_FROM_BYTES];
  if (exact !== undefined) return exact;
  const p = 1 / BYTE_VALUES;
  const pairsOfBytes = (total * (total - 1)) / 2;
  const mean = pairsOfBytes * p;
  const variance = mean * (1 - p);
  const third = variance * (1 - 2 * p) + total * (total - 1) * (total - 2) * p * p * (1 - p);
  const skewness = third / variance ** 1.5;
  const z = Z_99;
  const quantile =
    z +
    ((z * z - 1) * skewness) / 6 +
    ((z ** 3 - 3 * z) * 1.5 * skewness * skewness) / 24 -
    ((2 * z ** 3 - 5 * z) * skewness * skewness) / 36;
  return Math.ceil(mean + quantile * Math.sqrt(variance) - 0.5);
}

const limitOfTotal = new Map<number, number>();
const LIMITS_MAX = 65_536;

/** 99th percentile of the standard deviation for random bytes: the midpoint above the smallest value that reaches it. */
function deviation99(total: number): number {
  let limit = limitOfTotal.get(total);
  if (limit === undefined) {
    const pairs = pairs99(total);
    limit = (deviationOfPairs(pairs, total) + deviationOfPairs(pairs + 1, total)) / 2;
    if (limitOfTotal.size < LIMITS_MAX) limitOfTotal.set(total, limit);
  }
  return limit;
}

/**
 * Standard deviation of the byte frequencies of a sample of `total` bytes, divided by the 99th percentile of that for
 * uniformly random bytes of the same number: below 1 is as flat as random. null under 64 bytes.
 */
export function randomness(counts: Counts, base: number, total: number): number | null {
  if (total < RANDOMNESS_LEAST_BYTES) return null;
  let squares = 0;
  for (let i = base; i < base + BYTE_VALUES; i++) {
    const count = counts[i] as number;
    squares += count * count;
  }
  return deviationOfPairs((squares - total) / 2, total) / deviation99(total);
}

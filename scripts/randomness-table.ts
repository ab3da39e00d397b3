// Makes appliance/entropy/randomness-table.ts:   node scripts/randomness-table.ts > appliance/entropy/randomness-table.ts
// For each sample size N, the distribution of the number of pairs of equal bytes in N uniformly random bytes, exactly. With a
// Poisson number of bytes of each value (mean 1) the counts of the 256 values are independent; the distribution given that
// they add up to N is the one wanted. So: convolve 256 times the single value's (count, pairs), then normalise by N.
const FROM_BYTES = 64;
const TO_BYTES = 512;
const PERCENTILE = 0.99;
const BYTE_VALUES = 256;

/** Pairs beyond this have a negligible probability for TO_BYTES: the mean is 511 there, the standard deviation 22.6. */
const PAIRS_MAX = 511 + 10 * 23;

const countsMax = Math.floor((1 + Math.sqrt(1 + 8 * PAIRS_MAX)) / 2);
const single: number[] = [];
for (let count = 0, probability = Math.exp(-1); count <= countsMax; count++, probability /= count) {
  single.push(probability);
}

const width = PAIRS_MAX + 1;
let table = new Float64Array((TO_BYTES + 1) * width);
table[0] = 1;
for (let value = 0; value < BYTE_VALUES; value++) {
  const next = new Float64Array(table.length);
  for (let count = 0; count < single.length; count++) {
    const probability = single[count] ?? 0;
    const pairs = (count * (count - 1)) / 2;
    for (let n = 0; n + count <= TO_BYTES; n++) {
      const from = n * width;
      const to = (n + count) * width + pairs;
      for (let q = 0; q + pairs <= PAIRS_MAX; q++) {
        const mass = table[from + q] ?? 0;
        if (mass !== 0) next[to + q] = (next[to + q] ?? 0) + mass * probability;
      }
    }
  }
  table = next;
}

const pairs99: number[] = [];
for (let n = FROM_BYTES; n <= TO_BYTES; n++) {
  const row = table.subarray(n * width, (n + 1) * width);
  const total = row.reduce((sum, mass) => sum + mass, 0);
  let cumulative = 0;
  let pairs = -1;
  while (cumulative < PERCENTILE * total) cumulative += row[++pairs] ?? 0;
  pairs99.push(pairs);
}

const lines: string[] = [];
for (let i = 0; i < pairs99.length; i += 20) lines.push(`  ${pairs99.slice(i, i + 20).join(", ")},`);
process.stdout.write(`// Made by scripts/randomness-table.ts.

export const EXACT_FROM_BYTES = ${FROM_BYTES};

/**
 * For samples of ${FROM_BYTES} to ${TO_BYTES} uniformly random bytes, the smallest number of pairs of equal bytes whose cumulative
 * probability is at least .99.
 */
// biome-ignore format: twenty a line
export const EXACT_PAIRS_99: readonly number[] = [
${lines.join("\n")}
];
`);

import { BYTE_VALUES, clearCounts, countBytes } from "./histogram.ts";
import { paninski } from "./shannon.ts";

const LONGEST_BITS = 12;
const LAGS = 4;
const MOST_DEVIATIONS = 8;

/** Where each group of features begins in a row. */
const LENGTH_AT = 0;
const SERIAL_AT = 1;
const BITS_AT = SERIAL_AT + 2 * LONGEST_BITS;
const AGREEMENT_AT = BITS_AT + 8;
const EQUAL_AT = AGREEMENT_AT + LAGS;
const OCTETS_AT = EQUAL_AT + LAGS;

/** Numbers that describe a window. */
export const WINDOW_FEATURES = OCTETS_AT + 7;

const PAIR_VALUES = 65_536;
const PATTERN_MASK = 2 ** LONGEST_BITS - 1;
const lowFirst = new Uint32Array(2 ** LONGEST_BITS);
const highFirst = new Uint32Array(2 ** LONGEST_BITS);
const octetCounts = new Uint16Array(BYTE_VALUES);
const pairCounts = new Uint16Array(PAIR_VALUES);
const setBits = new Uint32Array(8);

const POPULATION = Uint8Array.from({ length: BYTE_VALUES }, (_, value) => {
  let bits = 0;
  for (let rest = value; rest !== 0; rest >>= 1) bits += rest & 1;
  return bits;
});

/**
 * Describes `bytes[from]` to `bytes[to - 1]`, 16 to 65,535 octets, by WINDOW_FEATURES numbers put into `features`. All but the first,
 * which says how many octets there are, are in standard deviations from what is expected of as many random octets, so that one model
 * serves every length; those that can be large are on a logarithmic scale:
 *
 * - the serial test of patterns of 1 to 12 bits (I. J. Good, 1953; NIST SP 800-22, section 2.11: second differences), taken at every
 *   bit, for both orders of bits within octets;
 * - how often each of the eight bits of an octet is set;
 * - how many bits, and how many octets, are those of one to four octets before;
 * - chi-square and entropy of octets; repeats of pairs of octets; octets 0 and 255; printable ones; those from 128 to 191.
 */
export function describeWindow(bytes: Uint8Array, from: number, to: number, features: Float64Array): void {
  const length = to - from;
  features[LENGTH_AT] = Math.log2(length / 1024);
  countPatterns(bytes, from, to);
  describeOctets(bytes, from, to, features);
  describePatterns(lowFirst, length, features, SERIAL_AT);
  describePatterns(highFirst, length, features, SERIAL_AT + LONGEST_BITS);
}

/** Counts each pattern of the longest kind at every bit, as if the window were a ring. */
function countPatterns(bytes: Uint8Array, from: number, to: number): void {
  lowFirst.fill(0);
  highFirst.fill(0);
  let first = bytes[to - 2] as number;
  let second = bytes[to - 1] as number;
  for (let i = from; i < to; i++) {
    const third = bytes[i] as number;
    const low = first | (second << 8) | (third << 16);
    const high = (first << 16) | (second << 8) | third;
    for (let shift = 0; shift < 8; shift++) {
      const a = (low >>> shift) & PATTERN_MASK;
      const b = (high >>> (shift + 1)) & PATTERN_MASK;
      lowFirst[a] = (lowFirst[a] as number) + 1;
      highFirst[b] = (highFirst[b] as number) + 1;
    }
    first = second;
    second = third;
  }
}

/** Leaves the counts of shorter patterns in place of those of longer ones. */
function describePatterns(counts: Uint32Array, length: number, features: Float64Array, at: number): void {
  const patterns = 8 * length;
  let longer = 0;
  let longest = 0;
  for (let bits = LONGEST_BITS; bits >= -1; bits--) {
    const statistic = bits > 0 ? 2 ** bits * (sumSquaresAndHalve(counts, bits) / patterns) - patterns : 0;
    if (bits <= LONGEST_BITS - 2) {
      const freedom = 2 ** Math.max(0, bits); // of the second difference, of patterns two bits longer
      features[at + bits + 1] = logarithmic((longest - 2 * longer + statistic - freedom) / Math.sqrt(2 * freedom));
    }
    longest = longer;
    longer = statistic;
  }
}

/** Sum of the squared counts of patterns of so many bits; leaves the counts of those that are a bit shorter. */
function sumSquaresAndHalve(counts: Uint32Array, bits: number): number {
  const half = 2 ** (bits - 1);
  let squares = 0;
  for (let i = 0; i < half; i++) {
    const a = counts[2 * i] as number;
    const b = counts[2 * i + 1] as number;
    squares += a * a + b * b;
    counts[i] = a + b;
  }
  return squares;
}

function describeOctets(bytes: Uint8Array, from: number, to: number, features: Float64Array): void {
  const length = to - from;
  clearCounts(octetCounts, 0);
  countBytes(octetCounts, 0, bytes, from, to);
  describeLags(bytes, from, to, features);
  let squares = 0;
  let printable = 0;
  let upper = 0;
  setBits.fill(0);
  for (let value = 0; value < BYTE_VALUES; value++) {
    const count = octetCounts[value] as number;
    squares += count * count;
    if (value >= 0x20 && value < 0x7f) printable += count;
    if (value >>> 6 === 2) upper += count;
    for (let bit = 0; bit < 8; bit++) setBits[bit] = (setBits[bit] as number) + ((value >>> bit) & 1) * count;
  }
  for (let bit = 0; bit < 8; bit++) features[BITS_AT + bit] = deviations(setBits[bit] as number, length, 0.5);
  const freedom = BYTE_VALUES - 1;
  const chiSquare = (squares * BYTE_VALUES) / length - length;
  features[OCTETS_AT] = logarithmic((chiSquare - freedom) / Math.sqrt(2 * freedom));
  // 2 N ln 2 times an entropy is about a chi-square
  features[OCTETS_AT + 1] = logarithmic(
    (paninski(octetCounts, 0, length) * 2 * length * Math.LN2) / Math.sqrt(2 * freedom),
  );
  const expectedRepeats = ((length - 1) * (length - 2)) / 2 / PAIR_VALUES;
  features[OCTETS_AT + 2] = logarithmic((countRepeats(bytes, from, to) - expectedRepeats) / Math.sqrt(expectedRepeats));
  features[OCTETS_AT + 3] = deviations(octetCounts[0] as number, length, 1 / BYTE_VALUES);
  features[OCTETS_AT + 4] = deviations(octetCounts[0xff] as number, length, 1 / BYTE_VALUES);
  features[OCTETS_AT + 5] = deviations(printable, length, 95 / BYTE_VALUES);
  features[OCTETS_AT + 6] = deviations(upper, length, 0.25);
}

/** Of the pairs of octets that begin at each octet, how many twos of them are equal. */
function countRepeats(bytes: Uint8Array, from: number, to: number): number {
  let repeats = 0;
  for (let i = from + 1; i < to; i++) {
    const pair = ((bytes[i - 1] as number) << 8) | (bytes[i] as number);
    repeats += pairCounts[pair] as number;
    pairCounts[pair] = (pairCounts[pair] as number) + 1;
  }
  for (let i = from + 1; i < to; i++) pairCounts[((bytes[i - 1] as number) << 8) | (bytes[i] as number)] = 0;
  return repeats;
}

function describeLags(bytes: Uint8Array, from: number, to: number, features: Float64Array): void {
  const compared = to - from - LAGS;
  for (let lag = 1; lag <= LAGS; lag++) {
    let different = 0;
    let equal = 0;
    for (let i = from + LAGS; i < to; i++) {
      const difference = (bytes[i] as number) ^ (bytes[i - lag] as number);
      different += POPULATION[difference] as number;
      if (difference === 0) equal++;
    }
    features[AGREEMENT_AT + lag - 1] = deviations(8 * compared - different, 8 * compared, 0.5);
    features[EQUAL_AT + lag - 1] = deviations(equal, compared, 1 / BYTE_VALUES);
  }
}

/** Of `count` successes in `trials` of probability `p`, from what is expected. */
function deviations(count: number, trials: number, p: number): number {
  return bounded((count - trials * p) / Math.sqrt(trials * p * (1 - p)));
}

function bounded(value: number): number {
  return Math.max(-MOST_DEVIATIONS, Math.min(MOST_DEVIATIONS, value));
}

function logarithmic(value: number): number {
  return value < 0 ? -Math.log1p(-value) : Math.log1p(value);
}

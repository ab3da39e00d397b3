import assert from "node:assert/strict";
import { test } from "node:test";
import { clearCounts, countBytes } from "../../../../appliance/entropy/histogram.ts";
import { pairs99, randomness } from "../../../../appliance/entropy/randomness.ts";
import { EXACT_FROM_BYTES, EXACT_PAIRS_99 } from "../../../../appliance/entropy/randomness-table.ts";
import { entropyBitsPerByte } from "../../../../appliance/entropy/shannon.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const counts = new Uint16Array(256);

function measure(bytes: Uint8Array): number | null {
  clearCounts(counts, 0);
  countBytes(counts, 0, bytes, 0, bytes.length);
  return randomness(counts, 0, bytes.length);
}

// Samples are as many as make the standard error of the share a fifth of the tolerance, or less.
for (const [sizeBytes, samples] of [
  [64, 50_000],
  [65, 50_000],
  [256, 50_000],
  [512, 25_000],
  [513, 25_000],
  [1024, 20_000],
  [4096, 10_000],
  [16384, 10_000],
] as const)
  test(`randomness is below 1 for 99 % of random samples of ${sizeBytes} bytes`, () => {
    const random = new SeededRandom(sizeBytes);
    const bytes = new Uint8Array(sizeBytes);
    let below = 0;
    for (let i = 0; i < samples; i++) {
      random.fill(bytes);
      if ((measure(bytes) ?? Number.NaN) < 1) below++;
    }
    const percent = (100 * below) / samples;
    assert.ok(Math.abs(percent - 99) <= 0.5, `${percent} %`);
  });

test("randomness: the statistic of the definition, by its own formula", () => {
  const random = new SeededRandom(7);
  for (const size of [64, 100, 512, 4096, 65_535]) {
    const bytes = new Uint8Array(size);
    random.fill(bytes);
    for (let i = 0; i < size / 4; i++) bytes[i] = 32;
    const deviation = (pairs: number) => Math.sqrt((size + 2 * pairs) / (256 * size * size) - 1 / 65_536); // from sum of squares = size + 2 * pairs
    const limit = (deviation(pairs99(size)) + deviation(pairs99(size) + 1)) / 2;
    const frequencies = Array.from({ length: 256 }, (_, value) => bytes.filter((b) => b === value).length / size);
    const variance = frequencies.reduce((sum, f) => sum + (f - 1 / 256) ** 2, 0) / 256;
    assert.ok(Math.abs((measure(bytes) ?? 0) - Math.sqrt(variance) / limit) < 1e-9);
  }
});

test("randomness: null under 64 bytes", () => {
  assert.equal(measure(new Uint8Array(63)), null);
  assert.notEqual(measure(new Uint8Array(64)), null);
});

test("pairs99: grows with the sample, and the expansion meets the exact table", () => {
  for (let size = EXACT_FROM_BYTES + 1; size < 5000; size++) assert.ok(pairs99(size) >= pairs99(size - 1), `${size}`);
  const last = EXACT_FROM_BYTES + EXACT_PAIRS_99.length - 1;
  const steps = [pairs99(last - 1), pairs99(last), pairs99(last + 1), pairs99(last + 2)];
  for (let i = 1; i < steps.length; i++) assert.ok((steps[i] ?? 0) - (steps[i - 1] ?? 0) <= 4, steps.join(" "));
});

test("entropyBitsPerByte", () => {
  const entropyOf = (bytes: Uint8Array) => {
    clearCounts(counts, 0);
    countBytes(counts, 0, bytes, 0, bytes.length);
    return entropyBitsPerByte(counts, 0, bytes.length);
  };
  assert.equal(entropyOf(new Uint8Array(1000)), 0);
  assert.equal(entropyOf(Uint8Array.from({ length: 25_600 }, (_, i) => i % 256)), 8);
  // two values, equally often: 1 bit, and (2 - 1) / (2 * 1000 * ln 2) of correction
  const coin = entropyOf(Uint8Array.from({ length: 1000 }, (_, i) => i % 2));
  assert.ok(Math.abs(coin - 1 - 1 / (2000 * Math.LN2)) < 1e-12);
  // 256 random bytes: the plug-in estimate would be about 7.2
  const random = new SeededRandom(3);
  let sum = 0;
  const bytes = new Uint8Array(256);
  for (let i = 0; i < 1000; i++) {
    random.fill(bytes);
    sum += entropyOf(bytes);
  }
  assert.ok(sum / 1000 > 7.6, `${sum / 1000}`);
});

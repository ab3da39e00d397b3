import assert from "node:assert/strict";
import { test } from "node:test";
import { clearCounts, countBytes } from "../../../../appliance/entropy/histogram.ts";
import { entropyBitsPerByte, paninski } from "../../../../appliance/entropy/shannon.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const counts = new Uint16Array(512);

function count(bytes: Uint8Array): void {
  clearCounts(counts, 256);
  countBytes(counts, 256, bytes, 0, bytes.length);
}

// Samples of n bytes, and what is expected of them worked out by hand: a byte alone, two that are equal once in 256 times.
for (const [name, bytes, expected] of [
  ["one byte", [7], 0],
  ["two different bytes", [7, 8], 1 - 255 / 256],
  ["two equal bytes", [7, 7], -255 / 256],
] as const)
  test(`paninski: ${name}`, () => {
    count(Uint8Array.from(bytes));
    assert.ok(Math.abs(paninski(counts, 256, bytes.length) - expected) < 1e-12);
  });

for (const [sizeBytes, samples] of [
  [16, 40_000],
  [256, 20_000],
  [1024, 10_000],
  [4096, 4000],
  [65_535, 400],
] as const)
  test(`paninski of ${sizeBytes} random bytes is 0 on average, within four standard errors`, () => {
    const random = new SeededRandom(sizeBytes);
    const bytes = new Uint8Array(sizeBytes);
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < samples; i++) {
      random.fill(bytes);
      count(bytes);
      const value = paninski(counts, 256, sizeBytes);
      sum += value;
      squares += value * value;
    }
    const mean = sum / samples;
    const standardError = Math.sqrt((squares / samples - mean * mean) / samples);
    assert.ok(Math.abs(mean) <= 4 * standardError, `${mean}, standard error ${standardError}`);
  });

test("paninski of constant bytes is minus what is expected of random ones: about 8 bits less 255 / 2N nats", () => {
  const total = 65_535;
  count(new Uint8Array(total));
  assert.ok(Math.abs(paninski(counts, 256, total) + 8 - 255 / (2 * total * Math.LN2)) < 1e-4);
});

test("entropyBitsPerByte is the plug-in estimate and Miller's correction, by their own formula", () => {
  const random = new SeededRandom(5);
  for (const total of [1, 2, 64, 500, 4096]) {
    const bytes = new Uint8Array(total);
    random.fill(bytes);
    for (let i = 0; i < total / 2; i++) bytes[i] = 32;
    count(bytes);
    const shares = [...counts.subarray(256)].filter((value) => value > 0).map((value) => value / total);
    const plugIn = shares.reduce((sum, share) => sum - share * Math.log2(share), 0);
    const corrected = plugIn + (shares.length - 1) / (2 * total * Math.LN2);
    assert.ok(Math.abs(entropyBitsPerByte(counts, 256, total) - Math.min(8, corrected)) < 1e-9);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, constants, deflateRawSync, zstdCompressSync } from "node:zlib";
import { bitUnevenness } from "../../../../appliance/entropy/bit-patterns.ts";
import { encryptionOdds } from "../../../../appliance/entropy/encryption-model.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { seededText } from "../../../support/seeded-text.ts";

const TEXT = seededText(1 << 20, 11);
const RANDOM = new Uint8Array(1 << 19);
new SeededRandom(12).fill(RANDOM);

const QUALITY_5 = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };

/** Of windows cut one after the other from mid-stream. */
function measure(
  payload: Uint8Array,
  length: number,
  of: (bytes: Uint8Array, from: number, to: number) => number,
): number[] {
  return Array.from({ length: Math.floor((payload.length - 200) / length) }, (_, i) =>
    of(payload, 200 + i * length, 200 + (i + 1) * length),
  );
}

/** Area under the curve: the share of twos, one of each, of which the one that should is the larger. */
function area(larger: readonly number[], smaller: readonly number[]): number {
  let sum = 0;
  for (const a of larger) for (const b of smaller) sum += a > b ? 1 : a === b ? 0.5 : 0;
  return sum / (larger.length * smaller.length);
}

// Text of this kind was not trained with. It is harder than most: its words have letters at random.
for (const [name, payload, length, least] of [
  ["DEFLATE", deflateRawSync(TEXT), 4096, 0.97],
  ["DEFLATE, fixed codes", deflateRawSync(TEXT, { strategy: constants.Z_FIXED }), 256, 0.99],
  ["DEFLATE, literals only", deflateRawSync(TEXT, { strategy: constants.Z_HUFFMAN_ONLY }), 256, 0.9],
  ["Zstandard", zstdCompressSync(TEXT), 4096, 0.95],
  ["Brotli", brotliCompressSync(TEXT, QUALITY_5), 4096, 0.85],
] as const)
  test(`encryptionOdds ranks ${length} random octets above ${name}, no worse than the serial test alone`, () => {
    const found = area(measure(RANDOM, length, encryptionOdds), measure(payload, length, encryptionOdds));
    const alone = area(measure(payload, length, bitUnevenness), measure(RANDOM, length, bitUnevenness));
    assert.ok(found >= least, `${found}`);
    assert.ok(found >= alone - 0.005, `${found}, alone ${alone}`);
  });

for (const [length, least] of [
  [4096, 0.9],
  [1024, 0.85],
  [256, 0.7],
] as const)
  test(`encryptionOdds of ${length} random octets are above a half for most`, () => {
    const odds = measure(RANDOM, length, encryptionOdds);
    const share = odds.filter((value) => value > 0.5).length / odds.length;
    assert.ok(share >= least, `${share}`);
  });

test("encryptionOdds: fewer than 256 octets say nothing, of more than 4,096 the first count", () => {
  assert.equal(encryptionOdds(RANDOM, 5, 260), 0.5);
  assert.equal(encryptionOdds(RANDOM, 5, 5), 0.5);
  assert.notEqual(encryptionOdds(RANDOM, 5, 261), 0.5);
  const window = encryptionOdds(RANDOM, 5, 4101);
  assert.equal(encryptionOdds(RANDOM.subarray(5), 0, RANDOM.length - 5), window);
  assert.equal(encryptionOdds(RANDOM, 5, 4101), window);
});

test("encryptionOdds of what is not flat at all is a number, and small", () => {
  for (const payload of [new Uint8Array(4096), new Uint8Array(300).fill(255), TEXT.subarray(0, 4096)]) {
    const odds = encryptionOdds(payload, 0, payload.length);
    assert.ok(odds >= 0 && odds < 0.05, `${odds}`);
  }
});

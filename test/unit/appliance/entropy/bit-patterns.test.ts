import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { bitUnevenness } from "../../../../appliance/entropy/bit-patterns.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { seededText } from "../../../support/seeded-text.ts";

const SOURCE = seededText(1 << 20, 7);
const SERIAL_DEVIATION = Math.sqrt(2 * 64 + 2 * (49 + 36 * 2 + 25 * 4 + 16 * 8 + 9 * 16 + 4 * 32 + 64));

/** The same as bitUnevenness, from text of zeros and ones. */
function plainly(bytes: Uint8Array): number {
  return Math.max(...[0, 1].map((order) => serial(bytes, order === 0)));
}

function serial(bytes: Uint8Array, isLowFirst: boolean): number {
  const octets = Array.from(bytes, (octet) => octet.toString(2).padStart(8, "0"));
  const text = octets.map((bits) => (isLowFirst ? Array.from(bits).reverse().join("") : bits)).join("");
  const counts = new Map<string, number>();
  for (let i = 0; i < text.length; i++) {
    const pattern = (text + text).slice(i, i + 8);
    counts.set(pattern, (counts.get(pattern) ?? 0) + 1);
  }
  const squares = [...counts.values()].reduce((sum, count) => sum + count ** 2, 0);
  return ((256 * squares) / text.length - text.length - 255) / SERIAL_DEVIATION;
}

test("bitUnevenness is the serial statistic of the order of bits that shows more", () =>
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 100 }), (bytes) => {
      const around = Uint8Array.of(1, 2, 3, ...bytes, 4, 5);
      assert.ok(Math.abs(bitUnevenness(around, 3, 3 + bytes.length) - plainly(bytes)) < 1e-9);
    }),
  ));

test("bitUnevenness of nothing and of an octet is 0", () => {
  assert.equal(bitUnevenness(new Uint8Array(8), 3, 3), 0);
  assert.equal(bitUnevenness(new Uint8Array(8), 3, 4), 0);
});

for (const length of [256, 1024, 4096])
  test(`bitUnevenness of ${length} random octets: 1 % above 3.0`, () => {
    const random = new SeededRandom(length);
    const bytes = new Uint8Array(length);
    const values = Array.from({ length: 4000 }, () => {
      random.fill(bytes);
      return bitUnevenness(bytes, 0, length);
    });
    const above = values.filter((value) => value > 3).length;
    assert.ok(above >= 15 && above <= 65, `${above} of 4000`);
    assert.ok(Math.max(...values) < 9);
  });

for (const [name, strategy] of [
  ["fixed codes", constants.Z_FIXED],
  ["literals only", constants.Z_HUFFMAN_ONLY],
] as const)
  test(`bitUnevenness of DEFLATE, ${name}, mid-stream: windows of 4 KiB are beyond chance`, () => {
    const payload = deflateRawSync(SOURCE, { strategy });
    const windows = Array.from({ length: Math.floor(payload.length / 4096) - 1 }, (_, i) => 4096 * i + 1000);
    assert.deepEqual(
      windows.filter((at) => bitUnevenness(payload, at, at + 4096) < 6),
      [],
    );
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeWindow, WINDOW_FEATURES } from "../../../../appliance/entropy/window-features.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const LONGEST_BITS = 12;

function describe(bytes: Uint8Array, from = 0, to = bytes.length): number[] {
  const features = new Float64Array(WINDOW_FEATURES).fill(Number.NaN);
  describeWindow(bytes, from, to, features);
  return [...features];
}

/** All of them, from text of zeros and ones and from plain lists, a formula each. */
function describePlainly(bytes: Uint8Array): number[] {
  const octets = [...bytes];
  const n = octets.length;
  const bits = octets.map((octet) => octet.toString(2).padStart(8, "0"));
  const lowFirst = bits.map((text) => [...text].reverse().join("")).join("");
  const share = (count: number, trials: number, p: number) =>
    Math.max(-8, Math.min(8, (count - trials * p) / Math.sqrt(trials * p * (1 - p))));
  const logarithmic = (value: number) => Math.sign(value) * Math.log(1 + Math.abs(value));
  const count = (is: (octet: number, i: number) => boolean) => octets.filter(is).length;
  const lags = [1, 2, 3, 4].map((lag) => octets.slice(4).map((octet, i) => octet ^ (octets[i + 4 - lag] as number)));
  const zeros = (octet: number) => 8 - octet.toString(2).replaceAll("0", "").length;
  const squares = Array.from({ length: 256 }, (_, value) => count((octet) => octet === value) ** 2);
  const pairs = octets.slice(1).map((octet, i) => 256 * (octets[i] as number) + octet);
  const repeats = pairs.reduce((sum, pair, i) => sum + pairs.slice(0, i).filter((other) => other === pair).length, 0);
  const expectedRepeats = ((n - 1) * (n - 2)) / 2 / 65_536;
  const entropy = -squares.reduce(
    (sum, square) => sum + (square && (Math.sqrt(square) / n) * Math.log2(Math.sqrt(square) / n)),
    0,
  );
  return [
    Math.log2(n / 1024),
    ...[lowFirst, bits.join("")].flatMap((text) => {
      const serial = Array.from({ length: LONGEST_BITS + 1 }, (_, length) => serialOf(text, length));
      return serial.slice(1).map((statistic, i) => {
        const freedom = 2 ** Math.max(0, i - 1);
        const second = statistic - 2 * (serial[i] ?? 0) + (serial[i - 1] ?? 0);
        return logarithmic((second - freedom) / Math.sqrt(2 * freedom));
      });
    }),
    ...Array.from({ length: 8 }, (_, bit) =>
      share(
        count((octet) => ((octet >> bit) & 1) === 1),
        n,
        0.5,
      ),
    ),
    ...lags.map((differences) =>
      share(
        differences.reduce((sum, octet) => sum + zeros(octet), 0),
        8 * (n - 4),
        0.5,
      ),
    ),
    ...lags.map((differences) => share(differences.filter((octet) => octet === 0).length, n - 4, 1 / 256)),
    logarithmic(((256 / n) * squares.reduce((a, b) => a + b) - n - 255) / Math.sqrt(510)),
    logarithmic(((entropy - expectedEntropy(n)) * 2 * n * Math.LN2) / Math.sqrt(510)),
    logarithmic((repeats - expectedRepeats) / Math.sqrt(expectedRepeats)),
    share(
      count((octet) => octet === 0),
      n,
      1 / 256,
    ),
    share(
      count((octet) => octet === 255),
      n,
      1 / 256,
    ),
    share(
      count((octet) => octet >= 0x20 && octet <= 0x7e),
      n,
      95 / 256,
    ),
    share(
      count((octet) => octet >= 128 && octet <= 191),
      n,
      0.25,
    ),
  ];
}

function serialOf(text: string, length: number): number {
  if (length === 0) return 0;
  const counts = new Map<string, number>();
  for (let i = 0; i < text.length; i++) {
    const pattern = (text + text).slice(i, i + length);
    counts.set(pattern, (counts.get(pattern) ?? 0) + 1);
  }
  return (2 ** length / text.length) * [...counts.values()].reduce((sum, c) => sum + c * c, 0) - text.length;
}

/** By binomial coefficients, as logarithms. */
function expectedEntropy(n: number): number {
  let sum = 0;
  let choose = 0;
  for (let k = 1; k <= n; k++) {
    choose += Math.log((n - k + 1) / k);
    sum += Math.exp(choose + k * Math.log(1 / 256) + (n - k) * Math.log(255 / 256)) * (k / n) * Math.log2(n / k);
  }
  return 256 * sum;
}

test("describeWindow is what its parts are by their own formulas", () =>
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 80 }), (bytes) => {
      const around = Uint8Array.of(1, 2, 3, ...bytes, 4, 5);
      const expected = describePlainly(bytes);
      describe(around, 3, 3 + bytes.length).forEach((value, i) => {
        assert.ok(Math.abs(value - (expected[i] as number)) < 1e-6, `feature ${i}: ${value}, not ${expected[i]}`);
      });
    }),
  ));

// A mean of 400 is within 0.25 of what it estimates, five standard errors; on the logarithmic scale means are at most a little lower.
for (const length of [256, 1024, 4096])
  test(`describeWindow: ${length} random octets are within chance`, () => {
    const random = new SeededRandom(length);
    const bytes = new Uint8Array(length);
    const windows = Array.from({ length: 400 }, () => {
      random.fill(bytes);
      return describe(bytes);
    });
    for (let i = 1; i < WINDOW_FEATURES; i++) {
      const values = windows.map((window) => window[i] as number);
      const mean = values.reduce((a, b) => a + b) / values.length;
      const square = values.reduce((a, b) => a + b * b) / values.length;
      assert.ok(Math.abs(mean) < 0.25, `feature ${i}: mean ${mean}`);
      assert.ok(square > 0.1 && square < 1.4, `feature ${i}: square ${square}`);
    }
  });

test("describeWindow: constant octets give finite numbers, and leave nothing behind", () => {
  const random = new SeededRandom(9);
  const bytes = new Uint8Array(1000);
  random.fill(bytes);
  const before = describe(bytes);
  for (const octet of [0, 0x55, 0xff])
    for (const length of [16, 256, 65_535])
      assert.ok(describe(new Uint8Array(length).fill(octet)).every(Number.isFinite), `${length} of ${octet}`);
  assert.deepEqual(describe(bytes), before);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { countBytes } from "../../../../appliance/entropy/histogram.ts";
import { randomness } from "../../../../appliance/entropy/randomness.ts";
import { FORMAT_COMPRESSED, FORMAT_NONE, recogniseFormat } from "../../../../appliance/entropy/recognise-format.ts";
import { entropyBitsPerByte } from "../../../../appliance/entropy/shannon.ts";
import { SLOT_BYTES } from "../../../../appliance/session/sample-pool.ts";
import { Sampler } from "../../../../appliance/session/sampler.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

interface Settings {
  readonly sampleBytes: number;
  readonly offsetBytes: number;
  readonly leastRestBytes: number;
}

const SETTINGS: readonly Settings[] = [
  { sampleBytes: 4096, offsetBytes: 2048, leastRestBytes: 256 },
  { sampleBytes: 4096, offsetBytes: 256, leastRestBytes: 256 },
  { sampleBytes: 4096, offsetBytes: 0, leastRestBytes: 64 },
  { sampleBytes: 64, offsetBytes: 0, leastRestBytes: 256 },
  { sampleBytes: 64, offsetBytes: 100, leastRestBytes: 2000 },
  { sampleBytes: 1000, offsetBytes: 511, leastRestBytes: 1 },
  { sampleBytes: 300, offsetBytes: 5000, leastRestBytes: 64 },
];

/** The sample of a whole direction, as the definition has it. */
function sampleOf(payload: Uint8Array, { sampleBytes, offsetBytes, leastRestBytes }: Settings): Uint8Array {
  const from = payload.length >= offsetBytes + leastRestBytes ? offsetBytes : 0;
  return payload.subarray(from, from + sampleBytes);
}

function payloadOf(random: SeededRandom, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  random.fill(bytes);
  // parts of different flatness, so that a sample from the wrong place has another value
  for (let i = 0; i < length; i++) bytes[i] = (bytes[i] ?? 0) & (i % 700 < 350 ? 0xff : 0x1f);
  return bytes;
}

for (const settings of SETTINGS)
  test(`Sampler: however it is cut, the sample is the definition's: ${JSON.stringify(settings)}`, () => {
    const random = new SeededRandom(settings.offsetBytes + settings.sampleBytes);
    const sampler = new Sampler({ ...settings, windows: 1, rawWindowsBytes: 8192, profileBytes: 4096 }, 4);
    const { offsetBytes: offset, leastRestBytes: rest, sampleBytes: size } = settings;
    const lengths = [0, 1, 63, 64, 511, 512, 513, offset, offset + rest - 1, offset + rest, offset + size, 9000];
    for (const length of [...lengths, ...Array.from({ length: 30 }, () => random.below(8000))]) {
      const payload = payloadOf(random, length);
      const row = 1 + random.below(3);
      const at = 2 * row + random.below(2);
      sampler.clear(row);
      for (let from = 0; from < length; ) {
        const to = Math.min(length, from + 1 + random.below(1500));
        sampler.add(at, payload, from, to, true);
        from = to;
      }
      const sample = sampleOf(payload, settings);
      const counts = new Uint16Array(256);
      countBytes(counts, 0, sample, 0, sample.length);
      const expected = {
        randomness: randomness(counts, 0, sample.length),
        entropy: sample.length === 0 ? null : entropyBitsPerByte(counts, 0, sample.length),
        format: recogniseFormat(payload, 0, Math.min(length, SLOT_BYTES, offset + rest)),
      };
      const found = sampler.evidence(at, true);
      const { randomness: r = null, entropyBitsPerByte: entropy = null, format = FORMAT_NONE } = found ?? {};
      assert.deepEqual({ randomness: r, entropy, format }, expected, `${length} octets`);
      sampler.clear(row);
      assert.equal(sampler.poolBytes, 0);
    }
  });

test("Sampler: no slot is left: skipped, counted, and null", () => {
  const sampler = new Sampler(
    { sampleBytes: 4096, offsetBytes: 500, leastRestBytes: 256, windows: 1, rawWindowsBytes: 8192, profileBytes: 0 },
    2,
  );
  const payload = new Uint8Array(600); // of one value: three histograms a direction, where there is room for eight
  for (let at = 0; at < 4; at++) sampler.add(at, payload, 0, payload.length, true);
  const known = [0, 1, 2, 3].filter((at) => sampler.evidence(at, true) !== undefined);
  assert.deepEqual({ known: known.length, skipped: sampler.skipped }, { known: 2, skipped: 2 });
});

test("Sampler: a complete sample gives its memory back and keeps its value", () => {
  const settings = {
    sampleBytes: 4096,
    offsetBytes: 256,
    leastRestBytes: 256,
    windows: 1,
    rawWindowsBytes: 8192,
    profileBytes: 0,
  };
  const sampler = new Sampler(settings, 2);
  const payload = payloadOf(new SeededRandom(2), 4352);
  sampler.add(0, payload, 0, payload.length - 1, true);
  assert.equal(sampler.poolBytes, SLOT_BYTES / 2); // what was before the sample isn't needed any more
  sampler.add(0, payload, payload.length - 1, payload.length, true);
  const value = sampler.evidence(0, true);
  assert.equal(sampler.poolBytes, 0);
  sampler.add(0, new Uint8Array(5000), 0, 5000, true);
  assert.deepEqual(sampler.evidence(0, true), value);
});

const WINDOWED = {
  sampleBytes: 1000,
  offsetBytes: 300,
  leastRestBytes: 64,
  windows: 3,
  rawWindowsBytes: 8192,
  profileBytes: 4096,
};

/** Text, but for `from` to `to`, which are random. */
function partlyRandom(length: number, from: number, to: number): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => 0x61 + (i % 20));
  new SeededRandom(from + 1).fill(bytes.subarray(from, to));
  return bytes;
}

for (const { name, from, to, isExplained, windows } of [
  { name: "the first is flat, that is enough", from: 300, to: 1300, isExplained: false, windows: 1 },
  { name: "the second is flat", from: 1300, to: 2300, isExplained: false, windows: 2 },
  { name: "the last is flat", from: 2300, to: 3300, isExplained: false, windows: 3 },
  { name: "flat beyond the last", from: 3300, to: 4300, isExplained: false, windows: 3 },
  { name: "no second one of what is explained", from: 1300, to: 2300, isExplained: true, windows: 1 },
])
  test(`Sampler: windows: ${name}`, () => {
    const sampler = new Sampler(WINDOWED, 2);
    const payload = partlyRandom(5000, from, to);
    for (let i = 0; i < payload.length; i += 7)
      sampler.add(3, payload, i, Math.min(i + 7, payload.length), isExplained);
    const evidence = sampler.evidence(3, isExplained);
    const values = Array.from({ length: windows }, (_, i) =>
      randomnessOf(payload.subarray(300 + 1000 * i, 1300 + 1000 * i)),
    );
    assert.deepEqual(
      {
        first: evidence?.randomness,
        flattest: evidence?.flattest,
        seenBytes: sampler.seenBytes(3),
        slots: sampler.poolBytes,
      },
      { first: values[0], flattest: Math.min(...values), seenBytes: 300 + 1000 * windows, slots: 0 },
    );
  });

function randomnessOf(sample: Uint8Array): number {
  const counts = new Uint16Array(256);
  countBytes(counts, 0, sample, 0, sample.length);
  return randomness(counts, 0, sample.length) ?? Number.NaN;
}

test("Sampler: cumulative entropy at each checkpoint, and at the end of a short direction", () => {
  const settings = {
    sampleBytes: 4096,
    offsetBytes: 700,
    leastRestBytes: 600,
    windows: 1,
    rawWindowsBytes: 8192,
    profileBytes: 3000,
  };
  const random = new SeededRandom(3);
  for (const length of [0, 10, 511, 512, 700, 1299, 1300, 2047, 2048, 4796]) {
    const sampler = new Sampler(settings, 1);
    const payload = payloadOf(random, length);
    for (let from = 0; from < length; from += 333) sampler.add(1, payload, from, Math.min(from + 333, length), true);
    sampler.evidence(1, true);
    const ends = [1024, 2048].filter((octets) => octets <= length);
    if (length > 0 && length < 1300) ends.push(length);
    const expected = ends.map((octets) => {
      const counts = new Uint16Array(256);
      countBytes(counts, 0, payload, 0, octets);
      return { octets, bitsPerByte: entropyBitsPerByte(counts, 0, octets) };
    });
    assert.deepEqual(sampler.cumulative(1), expected, `${length} octets`);
    sampler.lose(1);
    assert.deepEqual(sampler.cumulative(1), []);
  }
});

test("Sampler: octets that are flat and unexplained are kept until they are judged, within a limit", () => {
  const settings = { ...WINDOWED, sampleBytes: 8000, rawWindowsBytes: 8192 }; // room for two
  const sampler = new Sampler(settings, 16);
  const flat = new Uint8Array(9000);
  new SeededRandom(9).fill(flat);
  sampler.add(0, flat, 0, 600, false);
  sampler.add(1, flat, 0, 600, true); // explained
  sampler.add(2, partlyRandom(600, 0, 0), 0, 600, false); // not flat
  for (const octet of flat.subarray(0, 600)) sampler.add(3, Uint8Array.of(octet), 0, 1, false);
  assert.deepEqual([sampler.rawWindowsInUse, sampler.rawWindowsSkipped], [2, 0]);
  sampler.add(4, flat, 0, 600, false);
  assert.deepEqual([sampler.rawWindowsInUse, sampler.rawWindowsSkipped], [2, 1]);
  sampler.add(0, flat, 600, 4096, false); // full
  sampler.add(3, flat, 600, 700, true); // explained by now
  assert.equal(sampler.rawWindowsInUse, 0);
  sampler.add(5, flat, 0, 600, false);
  sampler.clear(2);
  assert.equal(sampler.rawWindowsInUse, 0);
});

test("Sampler: what is compressed shows in the octets that were kept, long or short", () => {
  const settings = { sampleBytes: 4096, offsetBytes: 2048, leastRestBytes: 256, windows: 1, profileBytes: 0 };
  const random = new SeededRandom(11);
  // words drawn at random, so that the codes of what becomes of them are uneven
  const words = Array.from({ length: 20_000 }, () => (random.below(60) * random.below(60)).toString(36)).join(" ");
  const stream = deflateRawSync(words, { level: 9 });
  const middle = stream.subarray(3000, 9000);
  for (const length of [400, 2000, 6000]) {
    const sampler = new Sampler({ ...settings, rawWindowsBytes: 65_536 }, 2);
    sampler.add(2, middle, 0, length, false);
    const noise = new Uint8Array(length);
    random.fill(noise);
    sampler.add(3, noise, 0, length, false);
    const kinds = [2, 3].map((at) => sampler.evidence(at, false)?.windowFormat);
    assert.equal(kinds[1], FORMAT_NONE, `${length} octets`);
    if (length >= 2000) assert.equal(kinds[0], FORMAT_COMPRESSED, `${length} octets`);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { countBytes } from "../../../../appliance/entropy/histogram.ts";
import { randomness } from "../../../../appliance/entropy/randomness.ts";
import { recogniseFormat } from "../../../../appliance/entropy/recognise-format.ts";
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
    const sampler = new Sampler(settings, 4);
    const { offsetBytes: offset, leastRestBytes: rest, sampleBytes: size } = settings;
    const lengths = [0, 1, 63, 64, 511, 512, 513, offset, offset + rest - 1, offset + rest, offset + size, 9000];
    for (const length of [...lengths, ...Array.from({ length: 30 }, () => random.below(8000))]) {
      const payload = payloadOf(random, length);
      const row = 1 + random.below(3);
      const at = 2 * row + random.below(2);
      sampler.clear(row);
      for (let from = 0; from < length; ) {
        const to = Math.min(length, from + 1 + random.below(1500));
        sampler.add(at, payload, from, to);
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
      const found = { randomness: sampler.randomness(at), entropy: sampler.entropy(at), format: sampler.format(at) };
      assert.deepEqual(found, expected, `${length} octets`);
      sampler.clear(row);
      assert.equal(sampler.slotsInUse, 0);
    }
  });

test("Sampler: no slot is left: skipped, counted, and null", () => {
  const sampler = new Sampler({ sampleBytes: 4096, offsetBytes: 2048, leastRestBytes: 256 }, 2);
  const payload = payloadOf(new SeededRandom(1), 600); // two slots a direction
  for (let at = 0; at < 4; at++) sampler.add(at, payload, 0, payload.length);
  const known = [0, 1, 2, 3].filter((at) => sampler.randomness(at) !== null);
  assert.deepEqual({ known: known.length, skipped: sampler.skipped }, { known: 2, skipped: 2 });
});

test("Sampler: a complete sample gives its memory back and keeps its value", () => {
  const settings = { sampleBytes: 4096, offsetBytes: 256, leastRestBytes: 256 };
  const sampler = new Sampler(settings, 2);
  const payload = payloadOf(new SeededRandom(2), 4352);
  sampler.add(0, payload, 0, payload.length - 1);
  assert.equal(sampler.slotsInUse, 1);
  sampler.add(0, payload, payload.length - 1, payload.length);
  const value = sampler.randomness(0);
  assert.equal(sampler.slotsInUse, 0);
  sampler.add(0, new Uint8Array(5000), 0, 5000);
  assert.equal(sampler.randomness(0), value);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFirstPacket } from "../../../../appliance/entropy/first-packet.ts";
import { countBytes } from "../../../../appliance/entropy/histogram.ts";
import { randomness } from "../../../../appliance/entropy/randomness.ts";
import { FORMAT_NONE, recogniseFormat } from "../../../../appliance/entropy/recognise-format.ts";
import { PROTOCOL_HTTP, PROTOCOL_NONE, PROTOCOLS } from "../../../../appliance/entropy/recognise-protocol.ts";
import { entropyBitsPerByte } from "../../../../appliance/entropy/shannon.ts";
import { judge } from "../../../../appliance/entropy/verdict.ts";
import { SLOT_BYTES } from "../../../../appliance/session/sample-pool.ts";
import { Sampler, type SamplerListener } from "../../../../appliance/session/sampler.ts";
import type { SensorConfig } from "../../../../core/contract/sensor-config.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

type Settings = Pick<SensorConfig["entropy"], "sampleBytes" | "offsetBytes" | "leastRestBytes" | "windows">;

const SETTINGS: readonly Settings[] = [
  { sampleBytes: 4096, offsetBytes: 2048, leastRestBytes: 256, windows: 1 },
  { sampleBytes: 4096, offsetBytes: 2048, leastRestBytes: 256, windows: 4 },
  { sampleBytes: 4096, offsetBytes: 256, leastRestBytes: 256, windows: 2 },
  { sampleBytes: 4096, offsetBytes: 512, leastRestBytes: 256, windows: 1 },
  { sampleBytes: 4096, offsetBytes: 0, leastRestBytes: 64, windows: 2 },
  { sampleBytes: 64, offsetBytes: 0, leastRestBytes: 256, windows: 3 },
  { sampleBytes: 64, offsetBytes: 0, leastRestBytes: 64, windows: 64 },
  { sampleBytes: 64, offsetBytes: 100, leastRestBytes: 2000, windows: 10 },
  { sampleBytes: 64, offsetBytes: 2000, leastRestBytes: 64, windows: 2 },
  { sampleBytes: 1000, offsetBytes: 511, leastRestBytes: 1, windows: 5 },
  { sampleBytes: 300, offsetBytes: 5000, leastRestBytes: 64, windows: 3 },
  { sampleBytes: 5000, offsetBytes: 300, leastRestBytes: 64, windows: 1 },
  { sampleBytes: 32_768, offsetBytes: 16_384, leastRestBytes: 32_768, windows: 64 },
];

/** All that is known of a whole direction, as the definitions have it. */
function describe(payload: Uint8Array, settings: Settings, protocol: number) {
  const { sampleBytes: size, offsetBytes: offset } = settings;
  const most = Math.min(settings.windows, Math.floor((65_535 - offset) / size));
  const windows = protocol === PROTOCOL_NONE ? most : 1;
  const from = payload.length >= offset + Math.min(settings.leastRestBytes, size) ? offset : 0;
  const sample = payload.subarray(from, from + size);
  const found = Array.from({ length: windows }, (_, i) => {
    const window = payload.subarray(offset + i * size, offset + (i + 1) * size);
    return window.length === size ? measure(window).randomness : null;
  });
  const first = measure(sample).randomness;
  const format = recogniseFormat(payload, 0, Math.min(payload.length, SLOT_BYTES, offset + most * size));
  const least = Math.min(...[first, ...found].filter((value) => value !== null));
  return {
    ...measure(sample),
    format,
    flattest: first === null || !Number.isFinite(least) ? first : least,
    window: protocol === PROTOCOL_NONE && format === FORMAT_NONE ? sample.slice(0, 4096) : undefined,
    checkpoints: Array.from({ length: 11 }, (_, order) => 64 << order)
      .filter((octets) => octets <= Math.min(payload.length, offset + windows * size))
      .map((octets) => [octets, measure(payload.subarray(0, octets)).entropy]),
  };
}

function measure(sample: Uint8Array) {
  const counts = new Uint16Array(256);
  countBytes(counts, 0, sample, 0, sample.length);
  return {
    counts: [...counts],
    randomness: randomness(counts, 0, sample.length),
    entropy: entropyBitsPerByte(counts, 0, sample.length),
  };
}

function payloadOf(random: SeededRandom, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  random.fill(bytes);
  // parts of different flatness, so that a sample from the wrong place has another value
  const seed = random.below(3);
  for (let i = 0; i < length; i++)
    bytes[i] = seed === 0 ? 0x41 + ((bytes[i] ?? 0) & 0xf) : (bytes[i] ?? 0) & (i % 700 < 350 ? 0xff : 0x1f);
  return bytes;
}

class Heard implements SamplerListener {
  readonly checkpoints = new Uint16Array(256).fill(0xffff);
  readonly found: (readonly [number, number])[] = [];
  judgements = 0;
  checkpoint(_at: number, octets: number, entropy: number): void {
    this.found.push([octets, entropy]);
  }
  judged(): void {
    this.judgements++;
  }
}

for (const settings of SETTINGS)
  test(`Sampler: however it is cut, the sample is the definition's: ${JSON.stringify(settings)}`, () => {
    const random = new SeededRandom(settings.offsetBytes + settings.sampleBytes);
    const { offsetBytes: offset, leastRestBytes: rest, sampleBytes: size, windows } = settings;
    const end = offset + Math.min(windows, Math.floor((65_535 - offset) / size)) * size;
    const lengths = [1, 63, 64, 511, 512, 513, offset, offset + rest - 1, offset + rest, offset + size, end, end + 9];
    for (const length of [...lengths, ...Array.from({ length: 40 }, () => random.below(end + 500))]) {
      const heard = new Heard();
      const sampler = new Sampler(settings as SensorConfig["entropy"], 4, heard);
      const payload = payloadOf(random, length);
      const at = 2 + random.below(6);
      const protocol = random.below(2) === 0 ? PROTOCOL_NONE : PROTOCOL_HTTP;
      const step = random.below(2) === 0 ? 100 : 1500;
      let firstPacket = 0;
      for (let from = 0; from < length; ) {
        const to = Math.min(length, from + 1 + random.below(step));
        if (from === 0 && protocol === PROTOCOL_NONE) firstPacket = describeFirstPacket(payload, from, to);
        sampler.add(at, payload, from, to, protocol);
        if (random.below(8) === 0) sampler.evidence(at, protocol); // a look in between changes nothing
        from = to;
      }
      const isDone = length >= (protocol === PROTOCOL_NONE ? end : offset + size);
      const told = `${length} octets, ${protocol}`;
      if (length === 0) {
        assert.equal(sampler.evidence(at, protocol), undefined);
        assert.equal(sampler.verdict(at, protocol), undefined);
        continue;
      }
      const expected = describe(payload, settings, protocol);
      const evidence = sampler.evidence(at, protocol);
      const { counts, base = 0, window } = evidence ?? {};
      assert.deepEqual(
        {
          randomness: evidence?.randomness,
          entropy: evidence?.entropyBitsPerByte,
          format: evidence?.format,
          flattest: evidence?.flattestRandomness,
          protocol: evidence?.protocol,
          firstPacket: evidence?.firstPacket,
          checkpoints: heard.found,
          judgements: heard.judgements,
        },
        {
          randomness: expected.randomness,
          entropy: expected.entropy,
          format: expected.format,
          flattest: expected.flattest,
          protocol: PROTOCOLS[protocol],
          firstPacket,
          checkpoints: expected.checkpoints,
          judgements: isDone ? 1 : 0,
        },
        told,
      );
      assert.deepEqual(window, isDone ? undefined : expected.window, told);
      if (counts !== undefined) assert.deepEqual([...counts.subarray(base, base + 256)], expected.counts, told);
      if (length <= Math.min(size, offset)) assert.notEqual(counts, undefined, told);
      assert.equal(sampler.isJudged(at), isDone);
      sampler.clear(at >> 1);
      assert.deepEqual([sampler.slotsInUse, sampler.rawWindowsInUse], [0, 0]);
      assert.equal(sampler.evidence(at, protocol), undefined);
    }
  });

const DEFAULTS = { sampleBytes: 4096, offsetBytes: 2048, leastRestBytes: 256, windows: 1 } as SensorConfig["entropy"];

test("Sampler: no slot is left: skipped, counted, and null", () => {
  const sampler = new Sampler(DEFAULTS, 4); // seven slots
  const payload = payloadOf(new SeededRandom(1), 600);
  for (let at = 0; at < 8; at++) sampler.add(at, payload, 0, payload.length);
  const known = [0, 1, 2, 3, 4, 5, 6, 7].filter((at) => sampler.randomness(at) !== null);
  assert.deepEqual({ known: known.length, skipped: sampler.skipped }, { known: 7, skipped: 1 });
});

test("Sampler: no slot is left for what comes before the window: the sample is the same, checkpoints end", () => {
  for (const offsetBytes of [100, 2048]) {
    const heard = new Heard();
    const settings = { ...DEFAULTS, offsetBytes };
    const sampler = new Sampler(settings, 4, heard); // one slot for it
    const random = new SeededRandom(2);
    for (let at = 0; at < 3; at++)
      for (const length of [offsetBytes + 500, 3000]) {
        const payload = payloadOf(random, length);
        sampler.add(at, payload, 0, 50);
        sampler.add(at, payload, 50, length);
        const { randomness, entropy } = describe(payload, settings, PROTOCOL_NONE);
        assert.deepEqual([sampler.randomness(at), sampler.entropy(at)], [randomness, entropy]);
        if (length !== 3000 && at > 0) sampler.clear(at >> 1);
        else break;
      }
    assert.ok(sampler.cut >= 1);
  }
});

test("Sampler: a complete sample gives its memory back and keeps its value", () => {
  const sampler = new Sampler({ ...DEFAULTS, offsetBytes: 256 }, 2);
  const payload = payloadOf(new SeededRandom(2), 4352);
  sampler.add(0, payload, 0, payload.length - 1);
  assert.equal(sampler.slotsInUse, 2);
  sampler.add(0, payload, payload.length - 1, payload.length);
  const value = sampler.randomness(0);
  assert.equal(sampler.slotsInUse, 0);
  sampler.add(0, new Uint8Array(5000), 0, 5000);
  assert.equal(sampler.randomness(0), value);
});

test("Sampler: the verdict of a complete sample is the one that was given while all was at hand", () => {
  const payload = new Uint8Array(20_000);
  new SeededRandom(3).fill(payload);
  const heard: unknown[] = [];
  const listener: SamplerListener = {
    checkpoints: new Uint16Array(256),
    checkpoint: () => {},
    judged: (at) => heard.push(sampler.verdict(at, PROTOCOL_NONE)),
  };
  const sampler = new Sampler(DEFAULTS, 4, listener);
  sampler.add(3, payload, 0, 6143);
  const evidence = sampler.evidence(3, PROTOCOL_NONE);
  assert.deepEqual(evidence?.window, payload.subarray(2048, 6143));
  assert.ok(evidence?.counts !== undefined);
  sampler.add(3, payload, 6143, 9000);
  const { randomness, entropy } = describe(payload, DEFAULTS, PROTOCOL_NONE);
  assert.deepEqual([sampler.randomness(3), sampler.entropy(3)], [randomness, entropy]);
  assert.equal(heard.length, 1);
  assert.deepEqual(sampler.verdict(3, PROTOCOL_NONE), heard[0]);
  const known = sampler.evidence(3, PROTOCOL_HTTP);
  assert.ok(known !== undefined);
  assert.deepEqual(sampler.verdict(3, PROTOCOL_HTTP), judge(known), "a protocol that was recognised later counts");
});

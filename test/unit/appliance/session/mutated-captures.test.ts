import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openSavefile } from "../../../../appliance/capture/savefile.ts";
import { Engine } from "../../../../appliance/session/engine.ts";
import { DEFAULT_SENSOR_CONFIG } from "../../../../core/contract/sensor-config.ts";
import { listCaptures } from "../../../support/read-captures.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const ROUNDS = 60;
const LINK_TYPES = [0, 1, 9, 50, 51, 101, 104, 105, 113, 119, 127, 129, 228, 229, 239, 276];
const CONFIG = { ...DEFAULT_SENSOR_CONFIG, session: { ...DEFAULT_SENSOR_CONFIG.session, maxSessions: 1000 } };

const folder = mkdtempSync(join(tmpdir(), "cepa-mutated-"));
after(() => rmSync(folder, { recursive: true }));

function newEngine(): { readonly engine: Engine; ended(): number } {
  let ended = 0;
  const engine = new Engine(
    CONFIG,
    {
      session: (record, final) => {
        if (final) ended++;
        JSON.stringify(record);
      },
      http: (record) => JSON.stringify(record),
      handshake: (record) => JSON.stringify(record),
      alarm: (record) => JSON.stringify(record),
    },
    { seed: new Uint8Array(16), sensor: "", firstId: 1 },
  );
  return { engine, ended: () => ended };
}

/** Flips octets, cuts, and repeats parts. */
function mutate(input: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = input.slice(0, random.below(4) === 0 ? random.below(input.length) : input.length);
  const flips = 1 + random.below(1 + bytes.length / 20);
  for (let i = 0; i < flips; i++) bytes[random.below(bytes.length)] = random.next();
  if (random.below(3) === 0) bytes.copyWithin(random.below(bytes.length), random.below(bytes.length), bytes.length);
  return bytes;
}

for (const { name, path } of listCaptures())
  test(`a mutated capture raises no exception, and all that came in goes out: ${name}`, () => {
    const input = readFileSync(path);
    const random = new SeededRandom(input.length);
    const file = join(folder, name);
    for (let round = 0; round < ROUNDS; round++) {
      writeFileSync(file, mutate(input, random));
      const opened = openSavefile(file);
      if (opened.name !== "open") continue;
      const { engine, ended } = newEngine();
      while (opened.records.next(engine).name === "more");
      opened.close();
      engine.finish();
      assert.equal(engine.counters.sessionsActive, 0);
      assert.equal(engine.counters.sessions, ended());
    }
  });

test("random octets behind every link type raise no exception", () => {
  const random = new SeededRandom(4);
  const { engine } = newEngine();
  const bytes = new Uint8Array(2000);
  for (let round = 0; round < 20_000; round++) {
    random.fill(bytes.subarray(0, 200));
    // headers that lead on, more often than chance has them
    for (const [at, value] of [
      [0, 0x45],
      [0, 0x60],
      [12, 0x08],
      [13, 0],
      [14, 0x45],
      [9, 47],
      [23, 6],
    ] as const)
      if (random.below(3) === 0) bytes[at] = value;
    const linkType = LINK_TYPES[random.below(LINK_TYPES.length)] ?? 1;
    const captured = random.below(bytes.length);
    engine.frame(bytes, random.below(50), captured, captured + random.below(3) * 500, 1 + round, 0, linkType);
  }
  engine.finish();
  assert.equal(engine.counters.frames, 20_000);
});

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseOperator, parseSignalQuality } from "../../../appliance/phone-home/at-line.ts";
import { decodeLatin1 } from "../../../core/latin1.ts";
import { Blackboard } from "../../fuzz/blackboard.ts";
import { readCorpus, replaceCorpus } from "../../fuzz/corpus.ts";
import { minimise } from "../../fuzz/minimise.ts";
import { latin1 } from "../../fuzz/octets.ts";
import type { Target } from "../../fuzz/target.ts";

/** What an input reaches is said by which octets are in it. */
const TARGET: Target = {
  name: "made",
  seeds: () => [Uint8Array.of(1)],
  start: () => (input) => {
    if (input.includes(1)) parseSignalQuality("+CSQ: 17,99");
    if (input.includes(2)) parseOperator('+COPS: 0,2,"23415",7');
  },
};

test("minimise: what the seeds don't reach, once, by the shortest, as short as it goes", () => {
  const candidates = [[9, 2, 9, 9, 9, 9, 9], [1, 1, 1], [9, 9, 2, 8], [7]].map((octets) => Uint8Array.from(octets));
  assert.deepEqual(minimise(TARGET, candidates, new Blackboard()), [Uint8Array.of(2)]);
});

test("Coverage: what runs as often as what is around it counts too", () => {
  const target: Target = {
    name: "made",
    seeds: () => [latin1("+COPS: 0")],
    start: () => (input) => parseOperator(decodeLatin1(input, 0, input.length)),
  };
  const whole = latin1('+COPS: 0,2,"23415",7');
  assert.deepEqual(minimise(target, [whole], new Blackboard()), [latin1('+COPS:0,2,"23415"')]);
});

test("minimise: parts of an input are left out whole", () => {
  const target: Target = {
    ...TARGET,
    partsOf: (input) => ({
      fixed: input.subarray(0, 1),
      parts: [input.subarray(1, 3), input.subarray(3, 5), input.subarray(5)],
    }),
  };
  const candidates = [Uint8Array.of(0, 4, 5, 6, 2, 7, 8)];
  assert.deepEqual(minimise(target, candidates, new Blackboard()), [Uint8Array.of(0, 6, 2)]);
});

test("replaceCorpus: what was there is gone", () => {
  const folder = mkdtempSync(join(tmpdir(), "cepa-corpus-"));
  try {
    replaceCorpus(folder, "made", [Uint8Array.of(1), Uint8Array.of(2)]);
    replaceCorpus(folder, "made", [Uint8Array.of(3)]);
    assert.deepEqual(readCorpus(folder, "made"), [Uint8Array.of(3)]);
    assert.deepEqual(readCorpus(folder, "none"), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Blackboard } from "../../fuzz/blackboard.ts";
import { KEPT_CORPUS, readCorpus } from "../../fuzz/corpus.ts";
import { Fuzzer } from "../../fuzz/fuzzer.ts";
import type { Target } from "../../fuzz/target.ts";
import { TARGETS } from "../../fuzz/targets.ts";

/** The short form of `make fuzz`: what is kept, and as many mutations of it as a second or so allows. */
const RUNS = 300;
const TIME_MS = 60_000;

function fuzz(target: Target, seed: number) {
  const found: Uint8Array[] = [];
  const failure = new Fuzzer(target, {
    seed,
    corpus: readCorpus(KEPT_CORPUS, target.name),
    runsMax: RUNS,
    timeMs: TIME_MS,
    blackboard: new Blackboard(),
    found: (input) => found.push(input),
    progress: () => {},
  }).run();
  return { failure, found };
}

for (const target of TARGETS)
  test(`hostile octets: ${target.name}`, () => {
    const { failure, found } = fuzz(target, 1);
    assert.equal(failure?.why, undefined);
    assert.ok(found.length > 0, "no input reached anything");
  });

test("Fuzzer: finds what only a few inputs do, and the input that does it", () => {
  const { failure } = fuzz(
    {
      name: "none",
      seeds: () => [Uint8Array.of(1, 2, 3, 4)],
      start: () => (input) => {
        if (input[0] === 0xff) throw new RangeError("that one");
      },
    },
    1,
  );
  assert.match(failure?.why ?? "", /that one/);
  assert.equal(failure?.inputs.at(-1)?.[0], 0xff);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePaces } from "../../../../scripts/bench/live-result.ts";

for (const { text, expected } of [
  { text: "100", expected: [{ framesPerSecond: 100_000, durationMs: 10_000 }] },
  {
    text: "100,500:30,max",
    expected: [
      { framesPerSecond: 100_000, durationMs: 10_000 },
      { framesPerSecond: 500_000, durationMs: 30_000 },
      { framesPerSecond: undefined, durationMs: 10_000 },
    ],
  },
  { text: "", expected: undefined },
  { text: "0", expected: undefined },
  { text: "100:0", expected: undefined },
  { text: "100,", expected: undefined },
  { text: "100:1:2", expected: undefined },
])
  test(`parsePaces: "${text}"`, () => assert.deepEqual(parsePaces(text, 10), expected));

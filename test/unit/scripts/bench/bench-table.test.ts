import assert from "node:assert/strict";
import { test } from "node:test";
import { median } from "../../../../scripts/bench/bench-result.ts";
import { renderRows } from "../../../../scripts/bench/bench-table.ts";
import { replaceMarked } from "../../../../scripts/bench/replace-marked.ts";

for (const { name, values, expected } of [
  { name: "of an odd number", values: [9, 1, 5], expected: 5 },
  { name: "of an even number", values: [4, 1, 3, 2], expected: 2.5 },
  { name: "of one", values: [7], expected: 7 },
  { name: "of numbers, not of text", values: [10, 9, 100], expected: 10 },
  { name: "of none", values: [], expected: Number.NaN },
])
  test(`median: ${name}`, () => assert.deepEqual(median(values), expected));

test("renderRows: text to the left, numbers to the right", () => {
  assert.deepEqual(
    renderRows([
      ["", "wall", "found"],
      ["httpry", "1.10 s", "7 requests"],
    ]),
    ["|        |   wall | found      |", "| ------ | -----: | ---------- |", "| httpry | 1.10 s | 7 requests |"],
  );
});

test("replaceMarked: what was between the marks is gone, the rest stays", () => {
  const page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n";
  assert.equal(replaceMarked(page, "x", "new\n"), "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n");
  assert.throws(() => replaceMarked(page, "y", "new"), /no <!-- y -->/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HTTP_LINE, LineOctets, makeLineShape, SESSION_LINE } from "../../../../appliance/session/line-octets.ts";
import { renderJsonLine } from "../../../../core/json-line.ts";

type Cell = string | number | null;

const SHAPE = makeLineShape("any", ["a", "b", "c"]);

function lineOf(record: Readonly<Record<"a" | "b" | "c", Cell>>): string {
  const lines = new LineOctets();
  lines.append(SHAPE, record);
  return textOf(lines);
}

function textOf(lines: LineOctets): string {
  return new TextDecoder().decode(lines.bytes.subarray(0, lines.lengthBytes));
}

for (const { name, value } of [
  { name: "nothing", value: null },
  { name: "zero", value: 0 },
  { name: "minus zero", value: -0 },
  { name: "two digits", value: 10 },
  { name: "three digits", value: 100 },
  { name: "most of one step", value: 999_999_999 },
  { name: "a billion", value: 1_000_000_000 },
  { name: "int32", value: 2_147_483_648 },
  { name: "2^32 and a half", value: 2 ** 32 + 0.5 },
  { name: "the largest safe integer", value: Number.MAX_SAFE_INTEGER },
  { name: "an exponent", value: 1e21 },
  { name: "negative", value: -12.5 },
  { name: "a millionth", value: 0.000001 },
  { name: "less than a millionth", value: 0.0000005 },
  { name: "more digits than a millionth has", value: 0.1 + 0.2 },
  { name: "a time", value: 1_700_000_000.123456 },
  { name: "a time with zeros", value: 1_700_000_000.00012 },
  { name: "the last time", value: 4_294_967_295.999999 },
  { name: "four digits", value: 0.8123 },
  { name: "no number", value: Number.NaN },
  { name: "infinity", value: Number.POSITIVE_INFINITY },
  { name: "empty text", value: "" },
  { name: "plain text", value: "GET /index.html ~" },
  { name: "quotes", value: 'a "b" \\ c' },
  { name: "controls", value: "\u0000\u001b[2J\t\n\u007f\u0080\u009b2J\u009f" },
  { name: "Latin-1", value: "\u00a0é" },
  { name: "beyond", value: "日本 \u2028 🦋" },
  { name: "half of a pair", value: "\ud83e!" },
])
  test(`a line is renderJsonLine's: ${name}`, () => {
    const record = { a: value, b: "x", c: value };
    assert.equal(lineOf(record), `${renderJsonLine({ type: "any", ...record })}\n`);
  });

const cell: fc.Arbitrary<Cell> = fc.oneof(
  fc.constant(null),
  fc.double(),
  fc.integer(),
  fc.nat(),
  fc.integer({ min: 0, max: 2 ** 53 }),
  fc.integer({ min: 0, max: 2 ** 32 * 1e6 - 1 }).map((microseconds) => microseconds / 1e6),
  fc.integer({ min: 0, max: 1e5 }).map((n) => n / 1e4),
  fc.string(),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.uint16Array({ maxLength: 40 }).map((units) => String.fromCharCode(...units)),
);

test("property: any values, one line after the other", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ a: cell, b: cell, c: cell }), { maxLength: 8 }), (records) => {
      const lines = new LineOctets();
      for (const record of records) lines.append(SHAPE, record);
      assert.equal(textOf(lines), records.map((r) => `${renderJsonLine({ type: "any", ...r })}\n`).join(""));
    }),
    { numRuns: 3000 },
  );
});

test("a buffer that is too small grows, and is given up when it became large", () => {
  const lines = new LineOctets();
  const long = { a: "x".repeat(3_000_000), b: "\u0001".repeat(1_000_000), c: 7 };
  lines.append(SHAPE, { a: 1, b: 2, c: 3 });
  lines.append(SHAPE, long);
  lines.appendText("end");
  assert.equal(textOf(lines), `{"type":"any","a":1,"b":2,"c":3}\n${renderJsonLine({ type: "any", ...long })}\nend\n`);
  lines.clear();
  assert.ok(lines.bytes.length < 1_000_000);
  assert.equal(lines.lengthBytes, 0);
});

test("text lines: what can't be ASCII is UTF-8", () => {
  const lines = new LineOctets();
  lines.appendText("");
  lines.appendText("é日");
  assert.equal(textOf(lines), "\né日\n");
});

test("the shapes begin with the type and the first column", () => {
  const lengthOf = (text: string) => text.length;
  assert.deepEqual(
    [SESSION_LINE.prefixes[0]?.lengthBytes, HTTP_LINE.prefixes[0]?.lengthBytes],
    ['{"type":"session","id":', '{"type":"http","ts":'].map(lengthOf),
  );
});

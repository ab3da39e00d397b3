import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareVersions, isVersion, LEAST_VERSION } from "../../../core/version.ts";
import { version } from "../../support/versions.ts";

test("compareVersions: a table, oldest first", () => {
  const ordered = [
    "0~a",
    "0",
    "0.1.0~rc1",
    "0.1.0~rc2",
    "0.1.0~rc10",
    "0.1.0",
    "0.1.1",
    "0.2",
    "0.2.0",
    "0.10.0",
    "1.0~beta",
    "1.0",
    "1.0.0",
    "9",
    "10",
  ];
  for (const [at, older] of ordered.entries())
    for (const [other, newer] of ordered.entries())
      assert.equal(compareVersions(older, newer), Math.sign(at - other), `${older} against ${newer}`);
});

test("compareVersions: an order, in which only the same text is the same version", () =>
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.ok(isVersion(a));
      assert.equal(compareVersions(a, b) + compareVersions(b, a), 0);
      assert.equal(compareVersions(a, b) === 0, a === b);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
      assert.ok(compareVersions(LEAST_VERSION, a) <= 0);
      if (!a.includes("~")) assert.equal(compareVersions(`${a}~rc1`, a), -1);
    }),
  ));

for (const text of [
  "",
  "1.",
  ".1",
  "01",
  "1.01",
  "1.0-1",
  "1.0~",
  "1.0~1",
  "1.0~rc01",
  "1 ",
  "1\n",
  "../1",
  "1.2.3.4.5.6.7",
  "v1",
  "1.0~RC1",
  "9999999999",
])
  test(`isVersion: ${JSON.stringify(text)} is none`, () => assert.equal(isVersion(text), false));

test("compareVersions: ends for any text", () =>
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => Number.isInteger(compareVersions(a, b)))));

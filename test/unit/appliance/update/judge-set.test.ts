import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BoxFacts,
  greaterMinimum,
  judgeSet,
  parseFailedVersions,
  parseMinimum,
} from "../../../../appliance/update/judge-set.ts";
import type { UpdateDescription } from "../../../../core/contract/update-set.ts";

const SET: UpdateDescription = {
  ...{ version: "1.2.0", profile: "qemu", minimumVersion: "1.0", epochS: 1, roothash: "ab".repeat(32) },
  sizes: { efiBytes: 1, rootBytes: 1, verityBytes: 1 },
};
const BOX: BoxFacts = { version: "1.1.0", profile: "qemu", minimumVersion: "0~a", failed: [] };

test("judgeSet: a newer one for this profile is taken", () => judgeSet(SET, BOX));

for (const [name, set, box, code, message] of [
  ["another profile", { profile: "hardware" }, {}, "wrongProfile", "1.2.0 is for hardware boxes, this one is qemu"],
  ["the same version", { version: "1.1.0" }, {}, "notNewer", "1.1.0 is not newer than 1.1.0, which runs"],
  ["a pre-release of it", { version: "1.1.0~rc1" }, {}, "notNewer", "1.1.0~rc1 is not newer than 1.1.0, which runs"],
  [
    "a box of no version",
    {},
    { version: "unknown" },
    "notNewer",
    "this box runs unknown, which no version can be held against",
  ],
  [
    "below the minimum",
    {},
    { minimumVersion: "1.3" },
    "belowMinimum",
    "1.2.0 is below 1.3, the least that was signed for",
  ],
  [
    "failed before",
    {},
    { failed: [{ version: "1.2.0", why: "capture saw no frame" }] },
    "failedBefore",
    "1.2.0 was tried here and failed: capture saw no frame",
  ],
] as const)
  test(`judgeSet: ${name}`, () =>
    assert.throws(() => judgeSet({ ...SET, ...set }, { ...BOX, ...box }), { code, message }));

test("parseFailedVersions: a list, one alone, and what is neither", () => {
  const failed = { version: "1.2.0", why: "no frames" };
  assert.deepEqual(parseFailedVersions(JSON.stringify([failed, { version: "../x", why: "" }, 7, null]), 0), [failed]);
  assert.deepEqual(parseFailedVersions(JSON.stringify(failed), 0), [failed]);
  assert.deepEqual(parseFailedVersions('[{"version":"1.0"}]', 0), [{ version: "1.0", why: "it did not say why" }]);
  for (const text of ["", "{", "null", "[]", '"1.0"']) assert.deepEqual(parseFailedVersions(text, 0), [], text);
});

test("parseFailedVersions: a mark lapses at its time", () => {
  const failed = { version: "1.2.0", why: "no frames, three times", lapsesAtMs: 1000 };
  assert.deepEqual(parseFailedVersions(JSON.stringify([failed]), 999), [failed]);
  assert.deepEqual(parseFailedVersions(JSON.stringify([failed]), 1000), []);
});

test("parseMinimum, greaterMinimum: it only goes up", () => {
  assert.equal(parseMinimum('{"minimumVersion":"1.3"}'), "1.3");
  for (const text of ["", "{}", "null", '{"minimumVersion":"x"}']) assert.equal(parseMinimum(text), "0~a", text);
  assert.equal(greaterMinimum("1.3", "1.2"), "1.3");
  assert.equal(greaterMinimum("1.3", "1.10"), "1.10");
  assert.equal(greaterMinimum("nonsense", "1.0"), "1.0");
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { compareVersions } from "../../core/version.ts";
import { version } from "../support/versions.ts";

test("compareVersions: the same as systemd's", () =>
  fc.assert(
    fc.property(version, version, (a, b) => {
      // systemd-analyze(1): 0 equal, 11 the first is newer, 12 the second is
      const { status } = spawnSync("systemd-analyze", ["compare-versions", a, b]);
      assert.equal(compareVersions(a, b), { 0: 0, 11: 1, 12: -1 }[status ?? -1], `${a} against ${b}: ${status}`);
    }),
    { numRuns: 200 },
  ));

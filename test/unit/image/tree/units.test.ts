import assert from "node:assert/strict";
import { test } from "node:test";
import { programsOfUnit } from "../../../../image/tree/units.ts";

test("programsOfUnit: without prefixes; what may fail is marked", () =>
  assert.deepEqual(
    programsOfUnit(
      [
        "[Service]",
        "ExecStartPre=+/usr/bin/install -d /x",
        "ExecStart=!!/usr/lib/systemd/systemd-networkd",
        "ExecStop=-/usr/bin/kill $MAINPID",
        "ExecStart=systemd-repart --dry-run=no",
        "#ExecStart=/no",
        "ExecStart=",
      ].join("\n"),
    ),
    [
      { program: "/usr/bin/install", isMain: false, mayFail: false },
      { program: "/usr/lib/systemd/systemd-networkd", isMain: true, mayFail: false },
      { program: "/usr/bin/kill", isMain: false, mayFail: true },
      { program: "systemd-repart", isMain: true, mayFail: false },
    ],
  ));

import assert from "node:assert/strict";
import { test } from "node:test";
import { compareDebianVersions } from "../../../image/debian-version.ts";
import { findCves, parseTracker, trackedSourceOf } from "../../../image/known-cves.ts";
import { readManifestPackages } from "../../../image/manifest.ts";

for (const [older, newer] of [
  ["1.0~rc1", "1.0"],
  ["1.0~~", "1.0~"],
  ["1.0", "1.0+dfsg"],
  ["1.0", "1.0a"],
  ["1.0a", "1.0+"],
  ["1.9", "1.10"],
  ["9", "1:1"],
  ["1.0-1", "1.0-1+b1"],
  ["1.0-1~deb13u1", "1.0-1"],
  ["1.0-1", "1.0-1+deb13u1"],
  ["1.0-1", "1.0-2-1"],
  ["1", "1.1"],
  ["6.12.48-1", "6.12.118-1"],
  ["99999999999999999999", "100000000000000000000"],
] as const)
  test(`compareDebianVersions: ${older} < ${newer}`, () => {
    assert.equal(compareDebianVersions(older, newer), -1);
    assert.equal(compareDebianVersions(newer, older), 1);
    assert.equal(compareDebianVersions(newer, newer), 0);
  });

test("compareDebianVersions: no epoch is 0, no revision is 0, leading zeros count for nothing", () => {
  for (const other of ["0:1.0", "1.0-0", "1.00", "01.0"]) assert.equal(compareDebianVersions("1.0", other), 0, other);
});

test("trackedSourceOf: what is signed is tracked under the source that it signs", () => {
  for (const [source, version, expected] of [
    ["linux-signed-amd64", "6.12.118-1", { source: "linux", version: "6.12.118-1" }],
    ["systemd-boot-efi-amd64-signed", "257.13-1~deb13u1", { source: "systemd", version: "257.13-1~deb13u1" }],
    ["linux-base", "4.12", { source: "linux-base", version: "other" }],
  ] as const)
    assert.deepEqual(trackedSourceOf({ source, version, sourceVersion: "other" }), expected);
});

const release = (status: string, fixed?: string, urgency?: string) => ({
  releases: { trixie: { status, urgency, ...(fixed === undefined ? {} : { fixed_version: fixed }) } },
});
const TRACKER = JSON.stringify({
  glibc: {
    "CVE-2026-0005": release("open", undefined, "low"),
    "CVE-2026-0001": release("resolved", "2.41-13", "high"),
    "CVE-2026-0002": release("resolved", "2.41-12", "high"),
    "CVE-2026-0003": release("resolved", "0"),
    "CVE-2026-0004": release("undetermined"),
    "CVE-2026-0006": { releases: { bookworm: { status: "open" } } },
    "CVE-2026-0007": { releases: { trixie: { status: "unheard of" } } },
    "CVE-2026-0008": { releases: { trixie: { status: "resolved" } } },
    "CVE-2026-0009": "no entry",
  },
  other: { "CVE-2026-0001": release("open") },
});
const LIBC = { source: "glibc", sourceVersion: "2.41-12", version: "2.41-12" };

test("findCves: what is open, and what is fixed in a newer version, once for each source; the rest is counted", () =>
  assert.deepEqual(findCves([LIBC, LIBC], parseTracker(TRACKER, "file"), "trixie"), {
    known: [
      { cve: "CVE-2026-0001", source: "glibc", version: "2.41-12", fixedIn: "2.41-13", urgency: "high" },
      { cve: "CVE-2026-0005", source: "glibc", version: "2.41-12", fixedIn: undefined, urgency: "low" },
    ],
    sources: 1,
    undetermined: 1,
    unreadable: 3,
  }));

test("findCves: a package whose name every object has is none of the tracker's", () =>
  assert.equal(
    findCves([{ ...LIBC, source: "constructor" }], parseTracker(TRACKER, "file"), "trixie").known.length +
      findCves([{ ...LIBC, source: "__proto__" }], parseTracker(TRACKER, "file"), "trixie").unreadable,
    0,
  ));

for (const { name, text, message } of [
  { name: "no JSON", text: "<html>", message: /^file: expected JSON/ },
  { name: "a list", text: "[]", message: /^file: expected an object of source packages/ },
  { name: "an empty object", text: "{}", message: /^file: expected CVEs with releases/ },
  { name: "an object of something else", text: '{"version":"0.1.0"}', message: /^file: expected CVEs with releases/ },
])
  test(`parseTracker: ${name}`, () => {
    assert.throws(() => parseTracker(text, "file"), { name: "ConfigError", message });
  });

test("readManifestPackages: what is no manifest is an error that says where", () => {
  const one = { name: "libc6", version: "2.41-12", source: "glibc", sourceVersion: "2.41-12" };
  assert.deepEqual(readManifestPackages({ packages: [{ ...one, installedBytes: 1 }] }, "file"), [one]);
  for (const [manifest, message] of [
    [[], /^file: expected a manifest with packages/],
    [{ packages: [null] }, /^file\.packages\[0\]: expected a package/],
    [{ packages: [{ ...one, source: 1 }] }, /^file\.packages\[0\]\.source: expected text, found 1/],
  ] as const)
    assert.throws(() => readManifestPackages(manifest, "file"), { name: "ConfigError", message });
});

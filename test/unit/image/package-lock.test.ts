import assert from "node:assert/strict";
import { test } from "node:test";
import { renderPackagesIndex, renderRelease } from "../../../image/package-lock/apt-index.ts";
import {
  keptNameOf,
  missingFrom,
  type PackageLock,
  parsePackageLock,
  poolPathOf,
  renderPackageLock,
} from "../../../image/package-lock/lock-file.ts";

const BASH = {
  name: "bash",
  version: "5.2.37-2+b10",
  architecture: "amd64",
  sha256: "ab".repeat(32),
  file: "pool/main/b/bash/bash_5.2.37-2+b10_amd64.deb",
};
const MOUNT = {
  name: "mount",
  version: "1:2.41.5-0+deb13u1",
  architecture: "amd64",
  sha256: "cd".repeat(32),
  file: "pool/main/u/util-linux/mount_2.41.5-0+deb13u1_amd64.deb",
};
const LOCK: PackageLock = { profile: "qemu", tools: [BASH, MOUNT], root: [MOUNT] };

test("a lock is read as it was written, by name, a line a package", () => {
  const text = renderPackageLock({ ...LOCK, tools: [MOUNT, BASH] });
  assert.deepEqual(parsePackageLock(text, "lock", "qemu"), LOCK);
  assert.equal(text.split("\n").filter((line) => line.includes('"name"')).length, 3);
});

const changed = (change: object) => JSON.stringify({ format: 1, ...LOCK, ...change });
const withRoot = (change: object) => changed({ root: [{ ...MOUNT, ...change }] });
for (const { name, text, message } of [
  { name: "no JSON", text: "{", message: /^lock: expected JSON/ },
  { name: "a list", text: "[]", message: /^lock: expected an object, found \[\]$/ },
  { name: "another format", text: changed({ format: 2 }), message: /^lock\.format: expected 1, found 2$/ },
  { name: "another profile", text: changed({ profile: "x" }), message: /^lock\.profile: expected "qemu", found "x"$/ },
  { name: "an unknown key", text: changed({ more: 1 }), message: /^lock\.more: expected one of / },
  { name: "no tree", text: changed({ root: undefined }), message: /^lock\.root: expected a list of at most 5000/ },
  { name: "too many", text: changed({ root: Array(5001).fill(MOUNT) }), message: /^lock\.root: expected a list of/ },
  {
    name: "a package twice",
    text: changed({ root: [MOUNT, MOUNT] }),
    message: /^lock\.root\[1\]\.name: expected each/,
  },
  { name: "a name with a slash", text: withRoot({ name: "../x" }), message: /^lock\.root\[0\]\.name: expected/ },
  { name: "a version with a space", text: withRoot({ version: "1 2" }), message: /^lock\.root\[0\]\.version: / },
  { name: "a short hash", text: withRoot({ sha256: "ab" }), message: /^lock\.root\[0\]\.sha256: expected 64 hex/ },
  {
    name: "a file outside of the pool",
    text: withRoot({ file: "pool/main/u/../../../x.deb" }),
    message: /^lock\.root\[0\]\.file: expected a path like/,
  },
  { name: "a file elsewhere", text: withRoot({ file: "http://x.example/x.deb" }), message: /^lock\.root\[0\]\.file: / },
])
  test(`parsePackageLock: ${name}`, () => {
    assert.throws(() => parsePackageLock(text, "lock", "qemu"), { name: "ConfigError", message });
  });

for (const { expected, ...one } of [
  { name: "mount", version: MOUNT.version, source: "util-linux", section: "admin", expected: MOUNT.file },
  {
    name: "libstdc++6",
    version: "14.2.0-19",
    source: "gcc-14",
    section: "libs",
    expected: "pool/main/g/gcc-14/libstdc++6_14.2.0-19_amd64.deb",
  },
  {
    name: "libcap2",
    version: "1:2.75-10",
    source: "libcap2",
    section: "libs",
    expected: "pool/main/libc/libcap2/libcap2_2.75-10_amd64.deb",
  },
  {
    name: "intel-microcode",
    version: "3.20250812.1~deb13u1",
    source: "intel-microcode",
    section: "non-free-firmware/admin",
    expected: "pool/non-free-firmware/i/intel-microcode/intel-microcode_3.20250812.1~deb13u1_amd64.deb",
  },
])
  test(`poolPathOf: ${one.name}`, () => assert.equal(poolPathOf({ ...one, architecture: "amd64" }), expected));

test("keptNameOf: with the epoch, as apt keeps it", () =>
  assert.equal(keptNameOf(MOUNT), "mount_1%3a2.41.5-0+deb13u1_amd64.deb"));

test("missingFrom: what is wanted and not locked", () =>
  assert.deepEqual(missingFrom(LOCK.tools, ["mount", "zstd", "bash"]), ["zstd"]));

test("renderPackagesIndex: the control fields, the file and the hash of the lock", () =>
  assert.equal(
    renderPackagesIndex([
      { locked: BASH, control: "Package: bash\nDescription: shell\n more\n", sizeBytes: 12, fileName: "bash.deb" },
      { locked: MOUNT, control: "Package: mount\n", sizeBytes: 3, fileName: "mount.deb" },
    ]),
    `Package: bash\nDescription: shell\n more\nFilename: bash.deb\nSize: 12\nSHA256: ${BASH.sha256}\n\n` +
      `Package: mount\nFilename: mount.deb\nSize: 3\nSHA256: ${MOUNT.sha256}\n`,
  ));

test("renderRelease: names the suite and holds the index's hash", () =>
  assert.equal(
    renderRelease("trixie", { sha256: "ef".repeat(32), sizeBytes: 42 }),
    "Origin: Debian\nSuite: trixie\nCodename: trixie\nDate: Thu, 01 Jan 1970 00:00:00 UTC\n" +
      `Architectures: amd64 all\nSHA256:\n ${"ef".repeat(32)} 42 Packages\n`,
  ));

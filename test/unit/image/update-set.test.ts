import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../../core/node/exec.ts";
import { verifySet } from "../../../core/node/verify-set.ts";
import type { ImageInputs } from "../../../image/image-inputs.ts";
import { makeKeyPair } from "../../../image/key-pair.ts";
import { planRoot } from "../../../image/plan.ts";
import { findProfile, type ImageProfile } from "../../../image/profile.ts";
import { renderAction } from "../../../image/step.ts";
import { runSteps } from "../../../image/step-runner.ts";
import { planUpdateSet } from "../../../image/update-set.ts";

const folder = await mkdtemp(join(tmpdir(), "cepa-update-set-"));
after(() => rm(folder, { recursive: true }));
const signal = AbortSignal.timeout(120_000);
const INPUTS: ImageInputs = {
  profile: findProfile("qemu") as ImageProfile,
  version: "1.2.0",
  paths: { project: "/p", cache: join(folder, "cache"), dist: join(folder, "dist") },
  apt: { mirror: { debian: "http://m.example/debian/", security: undefined }, options: [] },
  epochS: 1_700_000_000,
  isLocked: false,
  keys: { folder: join(folder, "keys"), ownerGuid: "0b5a2bd5-6f0c-4a4e-8d5e-2f6b1a7c9d10" },
  definitions: {
    toolsPackages: [],
    rootPackages: [],
    rootRemoved: [],
    rootPrograms: [],
    rootLibraries: [],
    rootModules: [],
  },
};
const UPDATE = {
  ...{ minimumVersion: "1.0.0", rootHash: "0123456789abcdef".repeat(4) },
  sizes: { efiBytes: 3, rootBytes: 4, verityBytes: 6, loaderBytes: 9 },
};

test("planUpdateSet: its steps make a set that a box takes, of the files that were built", async () => {
  const work = join(folder, "cache/qemu");
  await mkdir(join(work, "signed"), { recursive: true });
  await mkdir(join(folder, "dist"));
  await mkdir(join(folder, "keys"));
  await makeKeyPair(join(folder, "keys"), "update");
  for (const [name, text] of [
    ["signed/cepa.efi", "efi"],
    ["root.erofs", "root"],
    ["root.verity", "verity"],
    ["signed/systemd-bootx64.efi", "bootldr64"],
  ] as const)
    await writeFile(join(work, name), text);
  const ports = { exec: nodeExec, monotonicMs: () => 0, report: () => {} };
  const paths = { inToolsScript: "/nowhere", tools: "/nowhere", work, places: [] };
  const stamps = new Map([
    ["system", "1"],
    ["sign", "1"],
  ]);
  await runSteps(planUpdateSet(INPUTS, UPDATE), paths, stamps, INPUTS.epochS, ports, signal);
  const set = join(folder, "dist/cepa-qemu-1.2.0.update");
  assert.deepEqual((await readdir(set)).sort(), [
    "SHA256SUMS",
    "SHA256SUMS.sig",
    "cepa_1.2.0.efi",
    "cepa_1.2.0.loader",
    "cepa_1.2.0_01234567-89ab-cdef-0123-456789abcdef.root",
    "cepa_1.2.0_01234567-89ab-cdef-0123-456789abcdef.verity",
    "update.json",
  ]);
  const key = createPublicKey(await readFile(join(folder, "keys/update.pub")));
  const { description } = await verifySet(set, key, {}, signal);
  assert.deepEqual(description, {
    ...{ version: "1.2.0", profile: "qemu", minimumVersion: "1.0.0", epochS: 1_700_000_000 },
    ...{ roothash: UPDATE.rootHash, sizes: UPDATE.sizes },
  });
  assert.equal(await readFile(join(set, "cepa_1.2.0.loader"), "utf8"), "bootldr64");
  await nodeExec("sha256sum", ["--check", "--strict", "SHA256SUMS"], signal, { cwd: set });
});

test("planUpdateSet: nothing without keys; the image gets the public half, and no private one", () => {
  assert.deepEqual(planUpdateSet({ ...INPUTS, keys: undefined }, UPDATE), []);
  const actionsOf = (inputs: ImageInputs) =>
    planRoot(inputs)
      .flatMap(({ actions }) => actions.map(renderAction))
      .join("\n");
  const withKeys = actionsOf(INPUTS);
  assert.match(withKeys, /copy \S+\/keys\/update\.pub to \S+\/system\/usr\/lib\/cepa\/update\.pub/);
  assert.doesNotMatch(withKeys, /update\.key/);
  assert.doesNotMatch(actionsOf({ ...INPUTS, keys: undefined }), /update\.(?:pub|key)/);
});

import assert from "node:assert/strict";
import { createHash, createPrivateKey, sign } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { contentFilesOf, renderSums, type UpdateDescription } from "../../core/contract/update-set.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { renderCommandLine } from "../../image/plan.ts";
import { findProfile } from "../../image/profile.ts";
import type { Stage } from "../../provider/base/stage.ts";
import type { SensorView } from "../../provider/base/status.ts";
import type { BaseProcess } from "../../scripts/rig/cepa-process.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";
import { makeRig, type Rig, type RunningSensor } from "../../scripts/rig/rig.ts";
import { findPartition } from "../support/disk.ts";
import { makeStick } from "../support/stick.ts";

/**
 * A box and its base: versions that come over the tunnel and from a stick are installed and tried; a good one stays, whatever base does
 * meanwhile; one that starts but can't capture gives way by itself, and is refused from then on. The versions are made from the tree of the image that `make image` built. The steps follow one another.
 * Must run in a private network (scripts/private-network.sh).
 */
const PROJECT = join(import.meta.dirname, "../..");
const PROGRAM = join(PROJECT, "dist/cepa");
const IMAGE = join(PROJECT, "dist/cepa-qemu.raw");
const MANIFEST = join(PROJECT, "dist/cepa-qemu.manifest.json");
const KEYS = join(PROJECT, ".cache/secure-boot");
const TOOLS = join(PROJECT, ".cache/image/tools");
const WORK = join(PROJECT, ".cache/image/qemu");
const IN_TOOLS = join(PROJECT, "image/in-tools.sh");
const CAPTURE = join(PROJECT, "test/captures/office-minute/input.pcap");
const NAME = "update-1";
const GOOD_VERSION = "900.1";
const BLIND_VERSION = "900.2";

/** Four times what is typical under emulation. */
const BOOT_TIMEOUT_MS = 300_000;
const UPDATE_TIMEOUT_MS = 900_000;
const TOOL_TIMEOUT_MS = 300_000;
const POLL_MS = 1000;
const STICK_MIB = 300;
const SETTINGS = {
  link: { heartbeatMs: 2000 },
  update: { askMs: 5000, rateBytesPerSecond: 256 * 1024 * 1024 },
  trial: { healthyMs: 10_000, limitMs: 120_000 },
};

const stop = new AbortController();
const { signal } = stop;
const folder = await mkdtemp(join(tmpdir(), "cepa-up-"));
after(async () => {
  stop.abort();
  await base?.ended;
  await sensor?.vm.ended;
  await rm(folder, { recursive: true, force: true });
});

let rig: Rig;
let base: BaseProcess;
let sensor: RunningSensor;
let firstVersion: string;
let blindStick: string;
let failed = false;

function step(name: string, body: () => Promise<void>): void {
  test(name, { timeout: BOOT_TIMEOUT_MS + UPDATE_TIMEOUT_MS }, async () => {
    if (failed) throw new Error("an earlier step failed");
    failed = true;
    await body();
    failed = false;
  });
}

async function waitForView(
  what: string,
  timeoutMs: number,
  matches: (view: SensorView) => boolean,
): Promise<SensorView> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const view = await rig.view(signal);
    if (matches(view)) return view;
    if (performance.now() > deadlineMs)
      throw new Error(
        `not within ${timeoutMs} ms: ${what}\n${JSON.stringify(view)}\n${(await sensor.vm.readConsole()).slice(-3000)}`,
      );
    await delay(POLL_MS, undefined, { signal });
  }
}

async function inTools(work: string, program: string, ...args: readonly string[]): Promise<string> {
  return (await nodeExec("sh", [IN_TOOLS, TOOLS, work, program, ...args], AbortSignal.timeout(TOOL_TIMEOUT_MS))).stdout;
}

/** Makes and signs the set of a version that is the built one but for its name and what `alter` does to its tree. */
async function makeVersion(version: string, alter: (tree: string) => Promise<void> = async () => {}): Promise<string> {
  const work = join(folder, version);
  const tree = join(work, "system");
  await mkdir(work);
  await nodeExec("cp", ["-a", "--reflink=auto", join(WORK, "system"), tree], AbortSignal.timeout(TOOL_TIMEOUT_MS));
  const release = join(tree, "usr/lib/os-release");
  const text = await readFile(release, "utf8");
  await writeFile(release, text.replaceAll(firstVersion, version));
  await alter(tree);
  await inTools(work, "mkfs.erofs", "--quiet", "-zlz4", "/work/root.erofs", "/work/system");
  const format = ["format", "--root-hash-file=/work/root.hash", "/work/root.erofs", "/work/root.verity"];
  await inTools(work, "veritysetup", ...format);
  const roothash = (await readFile(join(work, "root.hash"), "utf8")).trim();
  for (const name of ["vmlinuz", "initrd.zst"]) await cp(join(WORK, name), join(work, name));
  const profile = findProfile("qemu");
  assert.ok(profile);
  await inTools(
    work,
    "ukify",
    "build",
    "--linux=/work/vmlinuz",
    "--initrd=/work/initrd.zst",
    `--cmdline=${renderCommandLine(profile, roothash)}`,
    "--os-release=@/work/system/usr/lib/os-release",
    "--output=/work/cepa.efi",
  );
  await nodeExec(
    "sh",
    [
      IN_TOOLS,
      TOOLS,
      work,
      "sbsign",
      "--key=/keys/db.key",
      "--cert=/keys/db.crt",
      "--output=/work/cepa.efi",
      "/work/cepa.efi",
    ],
    AbortSignal.timeout(TOOL_TIMEOUT_MS),
    { env: { CEPA_KEYS: KEYS } },
  );
  const sources = ["cepa.efi", "root.erofs", "root.verity"].map((name) => join(work, name));
  const [efiBytes = 0, rootBytes = 0, verityBytes = 0] = await Promise.all(
    sources.map(async (path) => (await stat(path)).size),
  );
  const sizes = { efiBytes, rootBytes, verityBytes };
  const description: UpdateDescription = {
    ...{ version, profile: "qemu", minimumVersion: "0~a", epochS: 1_790_000_000, roothash, sizes },
  };
  const set = join(work, "set");
  await mkdir(set);
  for (const [at, { name }] of contentFilesOf(description).entries()) await rename(sources[at] ?? "", join(set, name));
  await writeFile(join(set, "update.json"), JSON.stringify(description));
  const hashes = new Map<string, string>();
  for (const name of ["update.json", ...contentFilesOf(description).map(({ name: file }) => file)])
    hashes.set(
      name,
      createHash("sha256")
        .update(await readFile(join(set, name)))
        .digest("hex"),
    );
  const sums = renderSums(hashes);
  await writeFile(join(set, "SHA256SUMS"), sums);
  const key = createPrivateKey(await readFile(join(KEYS, "update.key")));
  await writeFile(join(set, "SHA256SUMS.sig"), sign(null, Buffer.from(sums), key).toString("base64"));
  await rm(tree, { recursive: true });
  return set;
}

/** Frames into the SPAN port until the test ends: what a version is on trial for is seeing them. */
async function feed(): Promise<void> {
  const frames = framesOfPcap(await readFile(CAPTURE)).filter(
    ({ bytes }) => bytes.length >= 60 && bytes.length <= 1514,
  );
  for (let at = 0; !signal.aborted; at = (at + 1) % frames.length) {
    await sensor.vm.span[0]?.send(frames[at]?.bytes ?? new Uint8Array(60));
    await delay(200, undefined, { signal });
  }
}

/** Kernels on the disk's ESP. */
async function kernels(): Promise<readonly string[]> {
  const { offsetBytes } = await findPartition(rig.disk, /^esp$/);
  const listing = ["-b", "-i", `${rig.disk}@@${offsetBytes}`, "::/EFI/Linux"];
  const { stdout } = await nodeExec("mdir", listing, AbortSignal.timeout(TOOL_TIMEOUT_MS));
  return stdout
    .trim()
    .split("\n")
    .map((path) => path.replace("::/EFI/Linux/", ""))
    .sort();
}

/** What the console says at each start: the versions that ran, in order. */
async function startedVersions(): Promise<readonly string[]> {
  return [...(await sensor.vm.readConsole()).matchAll(/^cepa: Cepa sensor .*, image (\S+)\r?$/gm)].map(
    ([, version]) => version ?? "",
  );
}

async function waitForStart(version: string): Promise<void> {
  const deadlineMs = performance.now() + UPDATE_TIMEOUT_MS;
  while ((await startedVersions()).at(-1) !== version) {
    if (performance.now() > deadlineMs)
      throw new Error(`${version} does not start; there were ${await startedVersions()}`);
    await delay(POLL_MS, undefined, { signal });
  }
}

async function startBase(): Promise<void> {
  base = rig.startBase(signal);
  await base.waitForStage(({ stage }: Stage) => stage === "listening", "listening", BOOT_TIMEOUT_MS, signal);
}

/** Base is told of it, as of when it started last. */
async function waitForEvent(words: string): Promise<void> {
  const isIt = (stage: Stage) => stage.stage === "event" && stage.event === words;
  await base.waitForStage(isIt, words, UPDATE_TIMEOUT_MS, signal);
}

/** A stick with the set of a version. */
async function makeVersionStick(version: string): Promise<string> {
  const named = join(folder, version, `cepa-qemu-${version}.update`);
  await rename(join(folder, version, "set"), named);
  const stick = join(folder, `${version}.stick`);
  await makeStick(stick, STICK_MIB, [named]);
  return stick;
}

const isCapturing = ({ health }: SensorView) => health?.capture?.state === "capturing" && health.capture.frames > 0;

step("a flashed box captures", async () => {
  firstVersion = (JSON.parse(await readFile(MANIFEST, "utf8")) as { version: string }).version;
  rig = await makeRig(
    { program: PROGRAM, image: IMAGE, folder, sensorName: NAME, settings: SETTINGS, diskSize: "4G" },
    signal,
  );
  await rig.provider.cepa(["update", "key", join(KEYS, "update.pub")], signal);
  await startBase();
  sensor = await rig.boot(signal);
  feed().catch(() => {});
  const view = await waitForView("it captures", BOOT_TIMEOUT_MS, isCapturing);
  assert.equal(view.health?.imageVersion, firstVersion);
});

step(
  "a version that is published there is installed; base is down for its trial: the one before comes back",
  async () => {
    await rig.provider.cepa(["update", "publish", await makeVersion(GOOD_VERSION)], signal);
    await waitForEvent(`update ${GOOD_VERSION} is on the box, checked`);
    await base.stop();
    await waitForStart(GOOD_VERSION);
    await waitForStart(firstVersion);
    assert.deepEqual(await startedVersions(), [firstVersion, GOOD_VERSION, firstVersion]);
  },
);

step("once base is back the new version is not condemned: from a stick it is installed, tried, and stays", async () => {
  await rig.provider.cepa(["update", "stop", GOOD_VERSION], signal);
  await startBase();
  const back = await waitForView(
    `${firstVersion} captures`,
    UPDATE_TIMEOUT_MS,
    (seen) => seen.health?.imageVersion === firstVersion && isCapturing(seen),
  );
  assert.deepEqual(back.health?.failedVersions, []);
  const takeOut = await sensor.vm.plugStick(await makeVersionStick(GOOD_VERSION));
  const view = await waitForView(
    `${GOOD_VERSION} captures`,
    UPDATE_TIMEOUT_MS,
    (seen) => seen.health?.imageVersion === GOOD_VERSION && isCapturing(seen),
  );
  assert.deepEqual(view.health?.failedVersions, []);
  await takeOut();
});

step("a version that starts but can't capture gives way by itself", async () => {
  await makeVersion(BLIND_VERSION, async (tree) => {
    const unit = join(tree, "usr/lib/systemd/system/cepa-capture.service");
    const text = await readFile(unit, "utf8");
    assert.match(text, /^ExecStart=\S+ run capture$/m);
    await writeFile(unit, text.replace(/^(ExecStart=\S+) run capture$/m, "$1 run blind"));
  });
  blindStick = await makeVersionStick(BLIND_VERSION);
  const takeOut = await sensor.vm.plugStick(blindStick);
  await waitForView("it runs", UPDATE_TIMEOUT_MS, ({ health }) => health?.imageVersion === BLIND_VERSION);
  await takeOut();
  const view = await waitForView(
    `${GOOD_VERSION} is back, and captures`,
    UPDATE_TIMEOUT_MS,
    (seen) => seen.health?.imageVersion === GOOD_VERSION && isCapturing(seen),
  );
  assert.deepEqual(view.health?.failedVersions, [{ version: BLIND_VERSION, why: "capture does not answer" }]);
});

step("and is refused from then on", async () => {
  await sensor.vm.plugStick(blindStick);
  const refusal = `update stick refused (failedBefore): ${BLIND_VERSION} was tried here and failed: capture does not answer`;
  await waitForEvent(refusal);
  assert.equal((await rig.view(signal)).health?.imageVersion, GOOD_VERSION);
});

step("on the disk the good version is not counted any more, and the other has no try left", async () => {
  await sensor.vm.powerDown(BOOT_TIMEOUT_MS);
  const [good, blind, ...more] = await kernels();
  assert.equal(good, `cepa_${GOOD_VERSION}.efi`);
  assert.match(blind ?? "", new RegExp(`^cepa_${BLIND_VERSION.replace(".", "\\.")}\\+0-\\d+\\.efi$`));
  assert.deepEqual(more, []);
});

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { LOADER_PLACES } from "../../appliance/firmware/loader-plan.ts";
import { loaderFileOf } from "../../core/contract/update-set.ts";
import { nodeExec } from "../../core/node/exec.ts";
import type { Stage } from "../../provider/base/stage.ts";
import type { SensorView } from "../../provider/base/status.ts";
import type { BaseProcess } from "../../scripts/rig/cepa-process.ts";
import { findPartition, partitionsOf } from "../../scripts/rig/disk-image.ts";
import { variablesFile } from "../../scripts/rig/qemu.ts";
import { makeRig, type Rig, type RunningSensor } from "../../scripts/rig/rig.ts";
import { type DiskRecording, recordDisk } from "../support/disk-recorder.ts";
import { findEmptyKernels } from "../support/empty-kernels.ts";
import { kernelsOn } from "../support/esp-kernels.ts";
import { feedSpan } from "../support/feed-span.ts";
import { DEVELOPMENT_KEYS, makeImageVersion } from "../support/image-version.ts";
import { isCapturing, runPowerCuts } from "../support/power-cut-lanes.ts";
import { powerCutTable } from "../support/power-cut-table.ts";
import { choosePowerCuts } from "../support/power-cuts.ts";
import { inSteps } from "../support/steps.ts";
import { makeStick, makeTwinStick } from "../support/stick.ts";
import { waitForRigView } from "../support/wait-for-view.ts";

/**
 * A box and its base: versions that come over the tunnel and from a stick are installed and tried; a good one stays, whatever base does
 * meanwhile; one that starts but can't capture gives way by itself, and is refused from then on. Then one of these installations again,
 * with the power cut. The versions are made from the tree of the image that `make image` built. The steps follow one another.
 * Must run in a private network (scripts/private-network.sh).
 */
const PROJECT = join(import.meta.dirname, "../..");
const PROGRAM = join(PROJECT, "dist/cepa");
const IMAGE = join(PROJECT, "dist/cepa-qemu.raw");
const MANIFEST = join(PROJECT, "dist/cepa-qemu.manifest.json");
const CAPTURE = join(PROJECT, "test/captures/office-minute/input.pcap");
const NAME = "update-1";
const GOOD_VERSION = "900.1";
const BLIND_VERSION = "900.2";
/** `make long-power-cuts` asks for 20, and for the table. */
const POWER_CUTS = Number(process.env.CEPA_POWER_CUTS ?? 3);
/** Boxes at a time, after the cuts. */
const LANES = Number(process.env.CEPA_POWER_CUTS_LANES ?? 2);
const TABLE_PAGE = process.env.CEPA_POWER_CUTS_PAGE;

/** Four times what is typical under emulation. */
const BOOT_TIMEOUT_MS = 300_000;
const UPDATE_TIMEOUT_MS = 900_000;
const TOOL_TIMEOUT_MS = 300_000;
const POLL_MS = 4000; // each look is a start of `cepa`
const STICK_MIB = 300;
const SETTINGS = {
  link: { heartbeatMs: 2000 },
  update: { askMs: 5000, rateBytesPerSecond: 256 * 1024 * 1024 },
  trial: { healthyMs: 10_000, limitMs: 150_000 },
};
/** Of a version that captures, until it is found good. */
const TRIAL_MS = 3 * SETTINGS.trial.healthyMs;

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
/** Folder of the set that is made meanwhile. */
let made: Promise<string>;
let blindStick: string;
/** All that this box writes, from its first start on. */
let recording: DiskRecording;
/** Requests that were done when the good version's set was ready, and when it was found good. */
const installation = { from: 0, to: 0 };

const step = inSteps(BOOT_TIMEOUT_MS + 2 * UPDATE_TIMEOUT_MS);

const waitForView = (what: string, timeoutMs: number, matches: (view: SensorView) => boolean) =>
  waitForRigView({ rig, sensor: () => sensor, pollMs: POLL_MS }, what, timeoutMs, matches, signal);

/** Octets of the copies of the boot loader on a disk's ESP, in the order in which they are written. */
async function loaders(disk: string): Promise<readonly Buffer[]> {
  const { offsetBytes } = await findPartition(disk, /^esp$/);
  const copies: Buffer[] = [];
  for (const [number, place] of LOADER_PLACES.entries()) {
    const copy = join(folder, `loader-${number}`);
    const args = ["-o", "-i", `${disk}@@${offsetBytes}`, `::/${place}`, copy];
    await nodeExec("mcopy", args, AbortSignal.timeout(TOOL_TIMEOUT_MS));
    copies.push(await readFile(copy));
  }
  return copies;
}

const loaderOf = (version: string) => readFile(join(setOf(version), loaderFileOf(version)));

/** What the console says at each start: the versions that ran, in order. */
async function startedVersions(): Promise<readonly string[]> {
  return [...(await sensor.vm.readConsole()).matchAll(/^cepa: Cepa sensor .*, image (\S+?)\r?$/gm)].map(
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

/** Base is told of it, as of when it started last. */
async function waitForEvent(words: string): Promise<void> {
  const isIt = (stage: Stage) => stage.stage === "event" && stage.event === words;
  await base.waitForStage(isIt, words, UPDATE_TIMEOUT_MS, signal);
}

async function startBase(): Promise<void> {
  base = rig.startBase(signal);
  await base.waitForStage(({ stage }: Stage) => stage === "listening", "listening", BOOT_TIMEOUT_MS, signal);
}

const setOf = (version: string) => join(folder, version, `cepa-qemu-${version}.update`);

const runs = (version: string) => (view: SensorView) => view.health?.imageVersion === version && isCapturing(view);

/** A tree whose capture role ends at once. */
async function blind(tree: string): Promise<void> {
  const unit = join(tree, "usr/lib/systemd/system/cepa-capture.service");
  const text = await readFile(unit, "utf8");
  assert.match(text, /^ExecStart=\S+ run capture$/m);
  await writeFile(unit, text.replace(/^(ExecStart=\S+) run capture$/m, "$1 run blind"));
}

step("a flashed box captures", async () => {
  firstVersion = (JSON.parse(await readFile(MANIFEST, "utf8")) as { version: string }).version;
  rig = await makeRig(
    { program: PROGRAM, image: IMAGE, folder, sensorName: NAME, settings: SETTINGS, diskSize: "4G" },
    signal,
  );
  await rig.provider.cepa(["update", "key", join(DEVELOPMENT_KEYS, "update.pub")], signal);
  await startBase();
  recording = await recordDisk(rig.disk, join(folder, "recording"));
  sensor = await rig.boot(signal, { diskSocket: recording.socketPath });
  made = makeImageVersion(join(folder, GOOD_VERSION), GOOD_VERSION, firstVersion);
  made.catch(() => {});
  feedSpan(sensor.vm, CAPTURE, signal).catch(() => {}); // what a version is on trial for is seeing frames
  await waitForView("it captures", BOOT_TIMEOUT_MS, runs(firstVersion));
});

step(
  "a version that is published there is installed; base is down for its trial: the one before comes back",
  async () => {
    await rig.provider.cepa(["update", "publish", await made], signal);
    await waitForEvent(`update ${GOOD_VERSION} is on the box, checked`);
    await base.stop();
    made = makeImageVersion(join(folder, BLIND_VERSION), BLIND_VERSION, firstVersion, blind);
    made.catch(() => {});
    await waitForStart(GOOD_VERSION);
    await waitForStart(firstVersion);
    assert.deepEqual(await startedVersions(), [firstVersion, GOOD_VERSION, firstVersion]);
  },
);

step("base is back and the new version is not condemned: from a stick it is installed, tried, and stays", async () => {
  await rig.provider.cepa(["update", "stop", GOOD_VERSION], signal);
  await startBase();
  const back = await waitForView(`${firstVersion} captures`, UPDATE_TIMEOUT_MS, runs(firstVersion));
  assert.deepEqual(back.health?.failedVersions, []);
  // a stick that takes itself for the box's disk: no name of a partition may lead to it, now or in the next start
  const stick = join(folder, `${GOOD_VERSION}.stick`);
  await makeTwinStick(stick, rig.disk, [setOf(GOOD_VERSION)]);
  const takeOut = await sensor.vm.plugStick(stick);
  await waitForEvent(`update ${GOOD_VERSION} is on the box, checked`);
  installation.from = recording.log.entries.length;
  const view = await waitForView(`${GOOD_VERSION} captures`, UPDATE_TIMEOUT_MS, runs(GOOD_VERSION));
  assert.deepEqual(view.health?.failedVersions, []);
  await takeOut();
  await delay(TRIAL_MS, undefined, { signal });
  installation.to = recording.log.entries.length;
});

step("the boot loader of a version that stays is tried where the firmware starts first, and nowhere else", async () => {
  const { health } = await waitForView("it is there", UPDATE_TIMEOUT_MS, (view) => view.health?.bootLoader != null);
  const { result, version, detail } = health?.bootLoader ?? {};
  assert.deepEqual({ result, version, detail }, { result: "tried", version: GOOD_VERSION, detail: "" });
  const [first, ...others] = await loaders(rig.disk);
  assert.deepEqual(first, await loaderOf(GOOD_VERSION));
  const flashed = await loaders(recording.before);
  assert.notDeepEqual(first, flashed[0]);
  assert.deepEqual(others, flashed.slice(1));
});

step("a version that starts but can't capture gives way by itself", async () => {
  await made;
  blindStick = join(folder, `${BLIND_VERSION}.stick`);
  await makeStick(blindStick, STICK_MIB, [setOf(BLIND_VERSION)]);
  const takeOut = await sensor.vm.plugStick(blindStick);
  await waitForView("it runs", UPDATE_TIMEOUT_MS, ({ health }) => health?.imageVersion === BLIND_VERSION);
  await takeOut();
  const view = await waitForView(`${GOOD_VERSION} is back, and captures`, UPDATE_TIMEOUT_MS, runs(GOOD_VERSION));
  assert.deepEqual(view.health?.failedVersions, [{ version: BLIND_VERSION, why: "capture does not answer" }]);
});

step(
  "the box has started by the new boot loader: all copies are it; that of the version that gave way is nowhere",
  async () => {
    const isEverywhere = ({ health }: SensorView) => health?.bootLoader?.result === "everywhere";
    const { health } = await waitForView("it is everywhere", UPDATE_TIMEOUT_MS, isEverywhere);
    assert.equal(health?.bootLoader?.version, GOOD_VERSION);
    assert.equal(
      health?.bootLoader?.info,
      `systemd-boot ${GOOD_VERSION}`.padEnd(health?.bootLoader?.info.length ?? 0, "-"),
    );
    const good = await loaderOf(GOOD_VERSION);
    assert.notDeepEqual(good, await loaderOf(BLIND_VERSION));
    for (const copy of await loaders(rig.disk)) assert.deepEqual(copy, good);
    assert.match(
      await rig.provider.cepa(["sensor", "show", NAME], signal),
      /^boot loader +systemd-boot 900\.1-+ of 900\.1, in all copies$/m,
    );
  },
);

step("and is refused from then on", async () => {
  await sensor.vm.plugStick(blindStick);
  const why = `${BLIND_VERSION} was tried here and failed: capture does not answer`;
  await waitForEvent(`update stick refused (failedBefore): ${why}`);
  assert.equal((await rig.view(signal)).health?.imageVersion, GOOD_VERSION);
});

step("on the disk the good version is not counted any more, and the other has no try left", async () => {
  await sensor.vm.powerDown(BOOT_TIMEOUT_MS);
  await recording.end();
  const [good, blind, ...more] = (await kernelsOn(rig.disk)).map(({ name }) => name);
  assert.equal(good, `cepa_${GOOD_VERSION}.efi`);
  assert.match(blind ?? "", new RegExp(`^cepa_${BLIND_VERSION.replace(".", "\\.")}\\+0-\\d+\\.efi$`));
  assert.deepEqual(more, []);
});

if (POWER_CUTS > 0)
  step(
    `the power is cut at ${POWER_CUTS} moments of the installation: the box starts, and comes to rest on the good version`,
    async () => {
      // what a cut takes with it comes again from base
      await rig.provider.cepa(["update", "percent", GOOD_VERSION, "100"], signal);
      await base.stop();
      const { log, before } = recording;
      const partitions = await partitionsOf(rig.disk);
      const esp = await findPartition(rig.disk, /^esp$/);
      const empty = await findEmptyKernels(log, before, installation, esp, join(folder, "esp.raw"));
      const atRename = empty.filter(({ place }) => place.includes(`cepa_${GOOD_VERSION}.efi`));
      assert.equal(atRename.length, 1, `a kernel is renamed: ${JSON.stringify(empty)}`);
      const cuts = choosePowerCuts(log.entries, installation, partitions, POWER_CUTS, atRename);
      assert.equal(cuts.length, POWER_CUTS, `of ${log.entries.length} requests, ${JSON.stringify(installation)}`);
      const variables = variablesFile(dirname(sensor.vm.consolePath));
      const places = { folder: join(folder, "cuts"), capture: CAPTURE, variables };
      const plan = { cuts, version: GOOD_VERSION, lanes: LANES, ...places, timeoutMs: LANES * UPDATE_TIMEOUT_MS };
      const results = await runPowerCuts(rig, recording, plan, signal);
      const table = powerCutTable(results, log.entries.length);
      process.stdout.write(table);
      if (TABLE_PAGE !== undefined) await writeFile(TABLE_PAGE, table);
    },
    POWER_CUTS * 2 * UPDATE_TIMEOUT_MS,
  );

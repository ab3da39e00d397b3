import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { nodeExec } from "../../core/node/exec.ts";
import type { Stage } from "../../provider/base/stage.ts";
import type { SensorView } from "../../provider/base/status.ts";
import type { BaseProcess } from "../../scripts/rig/cepa-process.ts";
import { copySparse, findPartition, partitionsOf } from "../../scripts/rig/disk-image.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";
import { makeRig, type Rig, type RunningSensor } from "../../scripts/rig/rig.ts";
import { type BlockLog, cutPowerAfter, type LoggedRequest, readBlockLog } from "../support/block-log.ts";
import { DEVELOPMENT_KEYS, makeImageVersion } from "../support/image-version.ts";
import { type PowerCutResult, powerCutTable } from "../support/power-cut-table.ts";
import { choosePowerCuts, type PowerCut } from "../support/power-cuts.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { inSteps } from "../support/steps.ts";
import { makeStick } from "../support/stick.ts";
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
/**
 * `make long-power-cuts` asks for 20, and for the table. Not without being asked: QEMU's log of writes is spoilt in some runs, for a reason
 * that is not found yet (docs/POWER-CUTS.md).
 */
const POWER_CUTS = Number(process.env.CEPA_POWER_CUTS ?? 0);
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
  trial: { healthyMs: 10_000, limitMs: 120_000 },
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
/** The disk before its first start, and what was written to it from then on. */
const untouched = join(folder, "untouched.raw");
const writeLog = join(folder, "writes.log");
/** Where in the log the good version's set is ready, and where it was found good. */
const installation = { fromBytes: 0, toBytes: 0 };

const step = inSteps(BOOT_TIMEOUT_MS + 2 * UPDATE_TIMEOUT_MS);

const waitForView = (what: string, timeoutMs: number, matches: (view: SensorView) => boolean) =>
  waitForRigView({ rig, sensor: () => sensor, pollMs: POLL_MS }, what, timeoutMs, matches, signal);

/** Frames into the SPAN port as long as this sensor runs: what a version is on trial for is seeing them. */
async function feed(fed: RunningSensor): Promise<void> {
  const frames = framesOfPcap(await readFile(CAPTURE)).filter(
    ({ bytes }) => bytes.length >= 60 && bytes.length <= 1514,
  );
  for (let at = 0; sensor === fed && !signal.aborted; at = (at + 1) % frames.length) {
    await fed.vm.span[0]?.send(frames[at]?.bytes ?? new Uint8Array(60));
    await delay(200, undefined, { signal });
  }
}

/** Kernels on a disk's ESP. */
async function kernels(disk: string): Promise<readonly string[]> {
  const { offsetBytes } = await findPartition(disk, /^esp$/);
  const listing = ["-b", "-i", `${disk}@@${offsetBytes}`, "::/EFI/Linux"];
  const { stdout } = await nodeExec("mdir", listing, AbortSignal.timeout(TOOL_TIMEOUT_MS));
  return stdout
    .trim()
    .split("\n")
    .map((path) => path.replace("::/EFI/Linux/", ""))
    .sort();
}

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

async function makeVersionStick(version: string): Promise<string> {
  const stick = join(folder, `${version}.stick`);
  await makeStick(stick, STICK_MIB, [setOf(version)]);
  return stick;
}

const isCapturing = ({ health }: SensorView) => health?.capture?.state === "capturing" && health.capture.frames > 0;
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
  await copySparse(rig.disk, untouched);
  await writeFile(writeLog, "");
  sensor = await rig.boot(signal, POWER_CUTS > 0 ? { writeLog } : {});
  made = makeImageVersion(join(folder, GOOD_VERSION), GOOD_VERSION, firstVersion);
  made.catch(() => {});
  feed(sensor).catch(() => {});
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
  const takeOut = await sensor.vm.plugStick(await makeVersionStick(GOOD_VERSION));
  await waitForEvent(`update ${GOOD_VERSION} is on the box, checked`);
  installation.fromBytes = (await stat(writeLog)).size;
  const view = await waitForView(`${GOOD_VERSION} captures`, UPDATE_TIMEOUT_MS, runs(GOOD_VERSION));
  assert.deepEqual(view.health?.failedVersions, []);
  await takeOut();
  await delay(TRIAL_MS, undefined, { signal });
  installation.toBytes = (await stat(writeLog)).size;
});

step("a version that starts but can't capture gives way by itself", async () => {
  await made;
  blindStick = await makeVersionStick(BLIND_VERSION);
  const takeOut = await sensor.vm.plugStick(blindStick);
  await waitForView("it runs", UPDATE_TIMEOUT_MS, ({ health }) => health?.imageVersion === BLIND_VERSION);
  await takeOut();
  const view = await waitForView(`${GOOD_VERSION} is back, and captures`, UPDATE_TIMEOUT_MS, runs(GOOD_VERSION));
  assert.deepEqual(view.health?.failedVersions, [{ version: BLIND_VERSION, why: "capture does not answer" }]);
});

step("and is refused from then on", async () => {
  await sensor.vm.plugStick(blindStick);
  const why = `${BLIND_VERSION} was tried here and failed: capture does not answer`;
  await waitForEvent(`update stick refused (failedBefore): ${why}`);
  assert.equal((await rig.view(signal)).health?.imageVersion, GOOD_VERSION);
});

step("on the disk the good version is not counted any more, and the other has no try left", async () => {
  await sensor.vm.powerDown(BOOT_TIMEOUT_MS);
  const [good, blind, ...more] = await kernels(rig.disk);
  assert.equal(good, `cepa_${GOOD_VERSION}.efi`);
  assert.match(blind ?? "", new RegExp(`^cepa_${BLIND_VERSION.replace(".", "\\.")}\\+0-\\d+\\.efi$`));
  assert.deepEqual(more, []);
});

/** Starts the disk as it is after a cut, until it has come to rest; of what was not flushed, all is lost in every other case. */
async function startAfter(cut: PowerCut, number: number, log: BlockLog): Promise<PowerCutResult> {
  const disk = join(folder, "cut.raw");
  const random = new SeededRandom(number);
  const lost: LoggedRequest[] = [];
  const survives = (request: LoggedRequest) => {
    const isLost = number % 2 === 0 || random.below(2) === 0;
    if (isLost) lost.push(request);
    return !isLost;
  };
  await cutPowerAfter(cut.requests, log, untouched, disk, survives);
  const startedMs = Date.now();
  sensor = await rig.boot(signal, { disk });
  feed(sensor).catch(() => {});
  const isOfThisStart = (view: SensorView) =>
    (view.live?.linkUpSinceMs ?? 0) > startedMs && (view.lastSeenAtMs ?? 0) > (view.live?.linkUpSinceMs ?? 0);
  const first = await waitForView("it captures", BOOT_TIMEOUT_MS, (view) => isOfThisStart(view) && isCapturing(view));
  // what was ready before the cut is installed after it, or what base has
  const last = await waitForView(`${GOOD_VERSION} captures`, UPDATE_TIMEOUT_MS, runs(GOOD_VERSION));
  await delay(TRIAL_MS, undefined, { signal });
  assert.deepEqual(last.health?.failedVersions, []);
  const seconds = Math.round((Date.now() - startedMs) / 1000);
  await sensor.vm.powerDown(BOOT_TIMEOUT_MS);
  assert.ok((await kernels(disk)).includes(`cepa_${GOOD_VERSION}.efi`), "it is found good");
  const firstSeen = first.health?.imageVersion ?? "";
  return { ...cut, lostRequests: lost.length, firstVersion: firstSeen, lastVersion: GOOD_VERSION, seconds };
}

if (POWER_CUTS > 0)
  step(
    `the power is cut at ${POWER_CUTS} moments of the installation: the box starts, and comes to rest on the good version`,
    async () => {
      // what a cut takes with it comes again from base
      await rig.provider.cepa(["update", "percent", GOOD_VERSION, "100"], signal);
      const log = await readBlockLog(writeLog);
      const cuts = choosePowerCuts(log, installation, await partitionsOf(rig.disk), POWER_CUTS);
      assert.equal(cuts.length, POWER_CUTS, `of ${log.entries.length} requests, ${JSON.stringify(installation)}`);
      const results: PowerCutResult[] = [];
      for (const [number, cut] of cuts.entries()) results.push(await startAfter(cut, number, log));
      const table = powerCutTable(results, log.entries.length);
      process.stdout.write(table);
      if (TABLE_PAGE !== undefined) await writeFile(TABLE_PAGE, table);
    },
    POWER_CUTS * (BOOT_TIMEOUT_MS + UPDATE_TIMEOUT_MS),
  );

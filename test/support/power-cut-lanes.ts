import assert from "node:assert/strict";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { SensorView } from "../../provider/base/status.ts";
import { holdNetNamespace } from "../../scripts/rig/net-namespace.ts";
import { variablesFile } from "../../scripts/rig/qemu.ts";
import type { Rig, RunningSensor } from "../../scripts/rig/rig.ts";
import { cutPowerAfter } from "./block-log.ts";
import type { DiskRecording } from "./disk-recorder.ts";
import { kernelsOn } from "./esp-kernels.ts";
import { feedSpan } from "./feed-span.ts";
import type { PowerCutResult } from "./power-cut-table.ts";
import type { PowerCut } from "./power-cuts.ts";
import { SeededRandom } from "./seeded-random.ts";
import { waitForRigView } from "./wait-for-view.ts";

export interface PowerCutPlan {
  readonly cuts: readonly PowerCut[];
  /** What each box comes to rest on. */
  readonly version: string;
  /** Boxes at a time, each with a base and a network of its own. */
  readonly lanes: number;
  /** New; each lane has its disk there. */
  readonly folder: string;
  /** Fed into the SPAN port. */
  readonly capture: string;
  /** File of the firmware's variables: a cut leaves them. */
  readonly variables: string;
  /** Of one box, until it captures, then until it runs the version, then until that is found good. */
  readonly timeoutMs: number;
}

const POLL_MS = 4000; // each look is a start of `cepa`

/** Makes the disk of each cut and starts it, until it has come to rest. The base of `rig` does not run; each lane has a copy of it. */
export async function runPowerCuts(
  rig: Rig,
  recording: Pick<DiskRecording, "log" | "before">,
  plan: PowerCutPlan,
  signal: AbortSignal,
): Promise<readonly PowerCutResult[]> {
  await mkdir(plan.folder, { mode: 0o700 });
  const waiting = [...plan.cuts];
  const results: PowerCutResult[] = [];
  const failed = new AbortController();
  const ownSignal = AbortSignal.any([signal, failed.signal]);
  const lanes = Array.from({ length: Math.min(plan.lanes, waiting.length) }, async (_, lane) => {
    try {
      await inLane(rig, join(plan.folder, String(lane)), plan, ownSignal, async (laneRig, box) => {
        for (let cut = waiting.shift(); cut !== undefined; cut = waiting.shift())
          results.push(await startAfter(cut, laneRig, box, recording, plan, ownSignal));
      });
    } catch (error) {
      failed.abort(error); // the other lanes need not go on
      throw error;
    }
  });
  const ends = await Promise.allSettled(lanes);
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return results.sort((a, b) => a.requests - b.requests);
}

async function inLane(
  rig: Rig,
  folder: string,
  { timeoutMs, variables }: PowerCutPlan,
  signal: AbortSignal,
  body: (laneRig: Rig, box: string) => Promise<void>,
): Promise<void> {
  const network = await holdNetNamespace();
  try {
    const laneRig = await rig.copy(folder, network.file);
    const box = join(folder, "box");
    await mkdir(box, { mode: 0o700 });
    await copyFile(variables, variablesFile(box));
    const base = laneRig.startBase(signal);
    try {
      await base.waitForStage(({ stage }) => stage === "listening", "listening", timeoutMs, signal);
      await body(laneRig, box);
    } finally {
      await base.stop();
    }
  } finally {
    await network.end();
  }
}

async function startAfter(
  cut: PowerCut,
  rig: Rig,
  box: string,
  { log, before }: Pick<DiskRecording, "log" | "before">,
  plan: PowerCutPlan,
  signal: AbortSignal,
): Promise<PowerCutResult> {
  const { version, timeoutMs } = plan;
  const disk = join(plan.folder, `cut-${cut.requests}.raw`);
  const random = new SeededRandom(cut.requests);
  let lostRequests = 0;
  await cutPowerAfter(cut.requests, log, before, disk, () => {
    const isLost = cut.losesAll || random.below(2) === 0;
    if (isLost) lostRequests++;
    return !isLost;
  });
  const startedMs = Date.now();
  const sensor = await rig.boot(signal, { disk, folder: box, keepVariables: true });
  feedSpan(sensor.vm, plan.capture, signal).catch(() => {});
  try {
    const isOfThisStart = ({ live, lastSeenAtMs }: SensorView) =>
      (live?.linkUpSinceMs ?? 0) > startedMs && (lastSeenAtMs ?? 0) > (live?.linkUpSinceMs ?? 0);
    const waitForCapture = (what: string, matches: (view: SensorView) => boolean) => {
      const isIt = (view: SensorView) => isOfThisStart(view) && isCapturing(view) && matches(view);
      return waitForRigView({ rig, sensor: () => sensor, pollMs: POLL_MS }, what, timeoutMs, isIt, signal);
    };
    const where = `cut after ${cut.requests} (${cut.place})`;
    const first = await waitForCapture(`${where}: it captures`, () => true);
    // what was ready before the cut is installed after it, or what base has
    const runs = ({ health }: SensorView) => health?.imageVersion === version;
    await waitForCapture(`${where}: ${version} captures`, runs);
    await waitUntilGood(disk, sensor, where, version, timeoutMs, signal);
    const last = await rig.view(signal);
    assert.deepEqual(last.health?.failedVersions, [], where);
    assert.equal(last.health?.imageVersion, version, where);
    const seconds = Math.round((Date.now() - startedMs) / 1000);
    return { ...cut, lostRequests, firstVersion: first.health?.imageVersion ?? "", lastVersion: version, seconds };
  } finally {
    await sensor.vm.kill();
    await rm(disk);
  }
}

export function isCapturing({ health }: SensorView): boolean {
  return health?.capture?.state === "capturing" && health.capture.frames > 0;
}

/** Its kernel is not counted any more, and has content. What is read of the ESP while the box writes to it may be nonsense. */
async function waitUntilGood(
  disk: string,
  sensor: RunningSensor,
  where: string,
  version: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const kernels = await kernelsOn(disk).catch(() => []);
    const ofVersion = kernels.filter(({ name }) => name.startsWith(`cepa_${version}`));
    const [kernel, ...more] = ofVersion;
    if (kernel?.name === `cepa_${version}.efi` && kernel.sizeBytes > 0 && more.length === 0) return;
    if (performance.now() > deadlineMs)
      throw new Error(
        `${where}: not found good within ${timeoutMs} ms: ${JSON.stringify(kernels)}\n${(await sensor.vm.readConsole()).slice(-3000)}`,
      );
    await delay(POLL_MS, undefined, { signal });
  }
}

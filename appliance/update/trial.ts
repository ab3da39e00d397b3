import type { FailedVersion } from "../../core/contract/health.ts";
import type { Clock, Log } from "../../core/ports.ts";
import type { Trial } from "./trial-files.ts";
import {
  isAsBefore,
  nextTrialState,
  type TrialLimits,
  type TrialObservation,
  type TrialState,
} from "./trial-verdict.ts";

const LOOK_MS = 2000;
/** What was missing and is there so soon in the slot before is a hint that the version that gave way was at fault. */
const DOUBT_MS = 600_000;
/** So many hints mark a version: what is outside would have come back each time just after the trial. */
const DOUBTS_MAX = 3;
/** But not for good: who has the SPAN port, or the way to base, in hand can see to that. */
const HINTED_MARK_MS = 7 * 86_400_000;

export interface TrialPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly observe: (signal: AbortSignal) => Promise<Omit<TrialObservation, "atMs">>;
  readonly loadTrial: () => Promise<Trial | undefined>;
  readonly saveTrial: (trial: Trial) => Promise<void>;
  readonly removeTrial: () => Promise<void>;
  readonly loadFailed: () => Promise<readonly FailedVersion[]>;
  readonly markFailed: (failed: FailedVersion) => Promise<void>;
}

export interface BootedSlot {
  readonly version: string;
  /** The boot loader counts its boots: it is not yet found good. */
  readonly isCounted: boolean;
}

/** Nobody says what was before: then nothing but the roles' own state counts. */
const NOTHING_BEFORE = { capturing: false, frames: false, storeOpen: false, vpn: false };

/**
 * Resolves to `good`, or once the version has to give way to the slot before, to `bad` or `doubtful`: that is then on disk. In a slot that
 * was found good before, says of one that gave way what it could not say itself.
 */
export async function runTrial(
  booted: BootedSlot,
  limits: TrialLimits,
  ports: TrialPorts,
  signal: AbortSignal,
): Promise<Exclude<TrialState["name"], "watching">> {
  const trial = await ports.loadTrial();
  if (!booted.isCounted) {
    if (trial !== undefined) await settle(trial, booted, ports, signal);
    return "good";
  }
  const earlier = (await ports.loadFailed()).find(({ version }) => version === booted.version);
  if (earlier !== undefined) {
    ports.log("error", "this version was found bad, and runs again", { ...earlier });
    return "bad";
  }
  const own: Trial =
    trial?.version === booted.version
      ? { ...trial, state: "installed", doubt: "" }
      : {
          ...{ version: booted.version, state: "installed", before: NOTHING_BEFORE, doubt: "", doubts: 0 },
          installedAtMs: ports.clock.nowMs(),
        };
  await ports.saveTrial(own);
  const { version, before } = own;
  ports.log("info", "a new version is on trial", { version, before, ...limits });
  const verdict = await watch(before, limits, ports, signal);
  if (verdict.name === "good") {
    await ports.removeTrial();
    ports.log("info", "the new version is good", { version });
  } else if (verdict.name === "bad") {
    await condemn(own, verdict.why, ports).catch((error: Error) => {
      ports.log("error", "a bad version can't be marked; it gives way all the same", { why: error.message });
    });
  } else {
    await ports.saveTrial({ ...own, state: "doubtful", doubt: verdict.why });
    ports.log("error", "the new version gives way to the one before, which may not be its fault", {
      version,
      why: verdict.why,
    });
  }
  return verdict.name;
}

async function watch(
  before: Trial["before"],
  limits: TrialLimits,
  { clock, observe, log }: TrialPorts,
  signal: AbortSignal,
): Promise<Exclude<TrialState, { name: "watching" }>> {
  let state: TrialState = { name: "watching", startedAtMs: clock.monotonicMs(), healthySinceMs: undefined };
  for (;;) {
    const observation = await observe(signal);
    const next: TrialState = nextTrialState(state, { ...observation, atMs: clock.monotonicMs() }, before, limits);
    if (next.name !== "watching") return next;
    if ((next.healthySinceMs === undefined) !== (state.healthySinceMs === undefined))
      log("info", next.healthySinceMs === undefined ? "not well any more" : "all is well so far");
    state = next;
    await clock.sleep(LOOK_MS, signal);
  }
}

/** The slot that was good before runs: what of the version that was to take its place? */
async function settle(trial: Trial, booted: BootedSlot, ports: TrialPorts, signal: AbortSignal): Promise<void> {
  const { version, doubt } = trial;
  if (version === booted.version) return ports.removeTrial(); // found good; only the file stayed
  if (trial.state === "settled") return;
  if (trial.state === "installed") return condemn(trial, "it did not start, or not far enough to say why", ports);
  if (trial.state === "installing") {
    ports.log("warning", "an installation was cut off; the version may be installed again", { version });
    return ports.saveTrial({ ...trial, state: "settled" });
  }
  const doubts = trial.doubts + ((await becomesAsBefore(trial.before, ports, signal)) ? 1 : 0);
  if (doubts >= DOUBTS_MAX)
    return condemn(trial, `${doubt}; not so with ${booted.version}, ${doubts} times`, ports, HINTED_MARK_MS);
  ports.log("warning", "it may not have been the new version's fault: it may be installed again", { version, doubts });
  await ports.saveTrial({ ...trial, state: "settled", doubts });
}

/** For good, or for so long. */
async function condemn(
  { version }: Trial,
  why: string,
  { clock, log, markFailed, removeTrial }: TrialPorts,
  forMs?: number,
): Promise<void> {
  const lapsesAtMs = forMs === undefined ? undefined : clock.nowMs() + forMs;
  const failed =
    lapsesAtMs === undefined
      ? { version, why }
      : {
          version,
          why: `${why}; taken again from ${new Date(lapsesAtMs).toISOString().slice(0, 16)} UTC on`,
          lapsesAtMs,
        };
  await markFailed(failed);
  log("error", "a new version is bad", failed);
  await removeTrial();
}

async function becomesAsBefore(
  before: Trial["before"],
  { clock, observe }: TrialPorts,
  signal: AbortSignal,
): Promise<boolean> {
  const endMs = clock.monotonicMs() + DOUBT_MS;
  while (clock.monotonicMs() < endMs) {
    if (isAsBefore(await observe(signal), before)) return true;
    await clock.sleep(LOOK_MS, signal);
  }
  return false;
}

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseJson, readBoolean, readInteger, readObject, readText } from "../../core/checked-json.ts";
import type { FailedVersion } from "../../core/contract/health.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { parseFailedVersions } from "./judge-set.ts";
import type { SlotRecord } from "./trial-verdict.ts";

/** Of the state partition. */
export const FAILED_FILE = "update/failed.json";
export const TRIAL_FILE = "install/trial.json";
/** The oldest go first. */
const FAILED_MAX = 16;

/** A version that was installed and is not yet found good or bad; root writes it, in either slot. */
export interface Trial {
  readonly version: string;
  readonly before: SlotRecord;
  /** Why that version gave way without being found bad; empty: it did not. */
  readonly doubt: string;
  /** Unix milliseconds. */
  readonly installedAtMs: number;
}

/** Undefined: no version is on trial, or what is there can't be read. */
export async function loadTrial(stateFolder: string): Promise<Trial | undefined> {
  try {
    const path = "trial";
    const json = parseJson(await readFile(join(stateFolder, TRIAL_FILE), "utf8"), path);
    const object = readObject(json, path, ["version", "before", "doubt", "installedAtMs"]);
    const keys = ["capturing", "frames", "storeOpen", "vpn"] as const;
    const before = readObject(object.before, `${path}.before`, keys);
    const read = (key: (typeof keys)[number]) => readBoolean(before, key, `${path}.before`);
    return {
      version: readText(object, "version", path, "a version", /^[A-Za-z0-9._~^+-]{1,64}$/),
      before: {
        capturing: read("capturing"),
        frames: read("frames"),
        storeOpen: read("storeOpen"),
        vpn: read("vpn"),
      },
      doubt: readText(object, "doubt", path, "text"),
      installedAtMs: readInteger(object, "installedAtMs", path, 0, Number.MAX_SAFE_INTEGER),
    };
  } catch {
    return undefined;
  }
}

export async function saveTrial(stateFolder: string, trial: Trial): Promise<void> {
  await writeFileAtomically(join(stateFolder, TRIAL_FILE), JSON.stringify(trial), 0o644);
}

export async function removeTrial(stateFolder: string): Promise<void> {
  await rm(join(stateFolder, TRIAL_FILE), { force: true });
}

/** None when there is no such file, or one that can't be read. */
export async function loadFailedVersions(stateFolder: string): Promise<readonly FailedVersion[]> {
  return parseFailedVersions(await readFile(join(stateFolder, FAILED_FILE), "utf8").catch(() => ""));
}

export async function markFailed(stateFolder: string, failed: FailedVersion): Promise<void> {
  const others = (await loadFailedVersions(stateFolder)).filter(({ version }) => version !== failed.version);
  const all = [...others, failed].slice(-FAILED_MAX);
  await writeFileAtomically(join(stateFolder, FAILED_FILE), `${JSON.stringify(all)}\n`, 0o644);
}

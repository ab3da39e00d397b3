import { lstat, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseJson, readBoolean, readInteger, readObject, readText } from "../../core/checked-json.ts";
import type { FailedVersion } from "../../core/contract/health.ts";
import { removeForGood, writeFileAtomically } from "../../core/node/atomic-file.ts";
import { removeBelow } from "../../core/node/remove-below.ts";
import { parseFailedVersions } from "./judge-set.ts";
import type { SlotRecord } from "./trial-verdict.ts";
import { readNote } from "./update-folder.ts";

/** Of the state partition. */
export const FAILED_FILE = "update/failed.json";
export const TRIAL_FILE = "install/trial.json";
/** The oldest go first. */
const FAILED_MAX = 16;

export const TRIAL_STATES = ["installing", "installed", "doubtful", "settled"] as const;

/** A version that is not found good or bad; root writes it, in either slot. */
export interface Trial {
  readonly version: string;
  /**
   * `installing`: its slot may be half written. `installed`: it is up to the boot loader and its trial. `doubtful`: it gave way without being
   * found bad. `settled`: it is gone, and may be installed again.
   */
  readonly state: (typeof TRIAL_STATES)[number];
  readonly before: SlotRecord;
  /** Why it is doubtful; else empty. */
  readonly doubt: string;
  /** Trials of it that ended in doubt, after which the slot before did what it had done. */
  readonly doubts: number;
  /** Unix milliseconds. */
  readonly installedAtMs: number;
}

const STATE_PATTERN = new RegExp(`^(?:${TRIAL_STATES.join("|")})$`);

/** Undefined: no version is on trial, or what is there can't be read. */
export async function loadTrial(stateFolder: string): Promise<Trial | undefined> {
  try {
    const path = "trial";
    const json = parseJson(await readFile(join(stateFolder, TRIAL_FILE), "utf8"), path);
    const object = readObject(json, path, ["version", "state", "before", "doubt", "doubts", "installedAtMs"]);
    const keys = ["capturing", "frames", "storeOpen", "vpn"] as const;
    const before = readObject(object.before, `${path}.before`, keys);
    const read = (key: (typeof keys)[number]) => readBoolean(before, key, `${path}.before`);
    return {
      version: readText(object, "version", path, "a version", /^[A-Za-z0-9._~^+-]{1,64}$/),
      state: readText(object, "state", path, TRIAL_STATES.join(", "), STATE_PATTERN) as Trial["state"],
      before: {
        capturing: read("capturing"),
        frames: read("frames"),
        storeOpen: read("storeOpen"),
        vpn: read("vpn"),
      },
      doubt: readText(object, "doubt", path, "text"),
      doubts: readInteger(object, "doubts", path, 0, Number.MAX_SAFE_INTEGER),
      installedAtMs: readInteger(object, "installedAtMs", path, 0, Number.MAX_SAFE_INTEGER),
    };
  } catch {
    return undefined;
  }
}

export async function saveTrial(stateFolder: string, trial: Trial): Promise<void> {
  await writeFileAtomically(join(stateFolder, TRIAL_FILE), JSON.stringify(trial), 0o644);
}

/**
 * Gone before a good version's kernel loses its count: FAT gives a file its new name without its content first, and after a power cut in
 * between the slot before runs again, which would find a version that did not start.
 */
export function removeTrial(stateFolder: string): Promise<void> {
  return removeForGood(join(stateFolder, TRIAL_FILE));
}

/** None when there is no such file, or one that can't be read: its folder is the downloader's. */
export async function loadFailedVersions(stateFolder: string, nowMs: number): Promise<readonly FailedVersion[]> {
  return parseFailedVersions(await readNote(join(stateFolder, FAILED_FILE)), nowMs);
}

export async function markFailed(stateFolder: string, failed: FailedVersion, nowMs: number): Promise<void> {
  const others = (await loadFailedVersions(stateFolder, nowMs)).filter(({ version }) => version !== failed.version);
  const all = [...others, failed].slice(-FAILED_MAX);
  for (const end of [".new", ""]) await removeFolder(stateFolder, `${FAILED_FILE}${end}`);
  await writeFileAtomically(join(stateFolder, FAILED_FILE), `${JSON.stringify(all)}\n`, 0o644);
}

/** In the way of a file. */
async function removeFolder(stateFolder: string, file: string): Promise<void> {
  const status = await lstat(join(stateFolder, file)).catch(() => undefined);
  if (status?.isDirectory()) await removeBelow(join(stateFolder, dirname(file)), basename(file));
}

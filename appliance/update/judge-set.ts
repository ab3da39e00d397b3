import type { FailedVersion } from "../../core/contract/health.ts";
import { UpdateRefusedError } from "../../core/contract/update-refusal.ts";
import type { UpdateDescription } from "../../core/contract/update-set.ts";
import { compareVersions, isVersion, LEAST_VERSION } from "../../core/version.ts";

/** What a box knows that decides whether it takes a set. */
export interface BoxFacts {
  /** Of the booted slot. */
  readonly version: string;
  readonly profile: string;
  /** The greatest minimum of all signed sets that it has seen. */
  readonly minimumVersion: string;
  /** What ran here and did not pass its trial. */
  readonly failed: readonly FailedVersion[];
}

/** Throws an UpdateRefusedError for a set that was signed, but is not for this box now. */
export function judgeSet({ version, profile }: UpdateDescription, box: BoxFacts): void {
  if (profile !== box.profile)
    throw new UpdateRefusedError("wrongProfile", `${version} is for ${profile} boxes, this one is ${box.profile}`);
  const failure = box.failed.find((failed) => failed.version === version);
  if (failure !== undefined)
    throw new UpdateRefusedError("failedBefore", `${version} was tried here and failed: ${failure.why}`);
  if (!isVersion(box.version))
    throw new UpdateRefusedError("notNewer", `this box runs ${box.version}, which no version can be held against`);
  if (compareVersions(version, box.version) <= 0)
    throw new UpdateRefusedError("notNewer", `${version} is not newer than ${box.version}, which runs`);
  if (compareVersions(version, box.minimumVersion) < 0)
    throw new UpdateRefusedError(
      "belowMinimum",
      `${version} is below ${box.minimumVersion}, the least that was signed for`,
    );
}

/** The greater of two minima; what is no version counts as none. */
export function greaterMinimum(a: string, b: string): string {
  const [first, second] = [a, b].map((text) => (isVersion(text) ? text : LEAST_VERSION));
  return compareVersions(first ?? LEAST_VERSION, second ?? LEAST_VERSION) >= 0
    ? (first ?? LEAST_VERSION)
    : (second ?? LEAST_VERSION);
}

const FAILED_MAX = 64;
const WHY_MAX = 200;

/** `failed.json`: a list of {version, why}, or one of them. What can't be read is none, nor is what has lapsed at `nowMs`. */
export function parseFailedVersions(text: string, nowMs: number): readonly FailedVersion[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return [];
  }
  return (Array.isArray(json) ? json : [json]).slice(-FAILED_MAX).flatMap((item: unknown) => {
    const { version, why, lapsesAtMs } = (item ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof version !== "string" || !isVersion(version)) return [];
    const failed = { version, why: typeof why === "string" ? why.slice(0, WHY_MAX) : "it did not say why" };
    if (typeof lapsesAtMs !== "number") return [failed];
    return lapsesAtMs > nowMs ? [{ ...failed, lapsesAtMs }] : [];
  });
}

/** `minimum.json`: {"minimumVersion"}. What can't be read is the least. */
export function parseMinimum(text: string): string {
  try {
    const { minimumVersion } = JSON.parse(text) as { minimumVersion?: unknown };
    return typeof minimumVersion === "string" && isVersion(minimumVersion) ? minimumVersion : LEAST_VERSION;
  } catch {
    return LEAST_VERSION;
  }
}

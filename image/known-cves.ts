import { ConfigError, parseJson } from "../core/checked-json.ts";
import { compareDebianVersions } from "./debian-version.ts";

/** A flaw that Debian's security tracker says a package of the image has. */
export interface KnownCve {
  readonly cve: string;
  readonly source: string;
  /** Of the source package in the image. */
  readonly version: string;
  /** The first version of this Debian release without it; undefined when there is none yet. */
  readonly fixedIn: string | undefined;
  /** The tracker's word: `unimportant`, `low`, `medium`, `high`, `not yet assigned`. */
  readonly urgency: string;
}

export interface CveReport {
  readonly known: readonly KnownCve[];
  /** Of the image; those that the tracker has no entry of have no known flaw. */
  readonly sources: number;
  /** Entries that the tracker has not made its mind up about, and those that are not of its form. */
  readonly undetermined: number;
  readonly unreadable: number;
}

interface SourcePackage {
  readonly source: string;
  readonly version: string;
}

/**
 * Source packages as the tracker names them. Signed kernels and boot loaders come from a source of their own, with the version of the one
 * that they sign in another spelling (`6.12.118+1` for `6.12.118-1`): the package itself bears the true one.
 */
export function trackedSourceOf(one: {
  readonly source: string;
  readonly sourceVersion: string;
  readonly version: string;
}): SourcePackage {
  const signed = /^(linux|systemd)(?:-boot-efi)?(?:-[a-z0-9]+)?-signed(?:-[a-z0-9]+)?$/.exec(one.source);
  return signed?.[1] === undefined
    ? { source: one.source, version: one.sourceVersion }
    : { source: signed[1], version: one.version };
}

/** The tracker's data, https://security-tracker.debian.org/tracker/data/json: source package, CVE, `releases` by name. */
export function parseTracker(text: string, path: string): ReadonlyMap<string, unknown> {
  const tracker = parseJson(text, path);
  if (!isObject(tracker)) throw new ConfigError(path, "an object of source packages (Debian's tracker data)", tracker);
  const sources = new Map(Object.entries(tracker));
  for (const entry of sources.values())
    if (isObject(entry) && Object.values(entry).some((cve) => isObject(cve) && isObject(cve.releases))) return sources;
  throw new ConfigError(path, "CVEs with releases, by source package (Debian's tracker data)", tracker);
}

/** What the tracker knows of the image's packages in `suite`, by source and CVE. */
export function findCves(
  packages: readonly { readonly source: string; readonly sourceVersion: string; readonly version: string }[],
  tracker: ReadonlyMap<string, unknown>,
  suite: string,
): CveReport {
  const known: KnownCve[] = [];
  let undetermined = 0;
  let unreadable = 0;
  const sources = new Map(packages.map(trackedSourceOf).map((one) => [`${one.source} ${one.version}`, one]));
  for (const { source, version } of sources.values()) {
    const entries = tracker.get(source);
    if (entries === undefined) continue;
    if (!isObject(entries)) {
      unreadable++;
      continue;
    }
    for (const [cve, entry] of Object.entries(entries)) {
      const releases = isObject(entry) ? entry.releases : undefined;
      if (!isObject(releases)) {
        unreadable++;
        continue;
      }
      const release = releases[suite];
      if (release === undefined) continue; // of other releases only
      const { status, fixed_version: fixed, urgency } = isObject(release) ? release : {};
      const isKnown =
        status === "open" || (status === "resolved" && typeof fixed === "string" && isFixedAfter(fixed, version));
      if (status === "undetermined") undetermined++;
      else if (status !== "open" && (status !== "resolved" || typeof fixed !== "string")) unreadable++;
      else if (isKnown)
        known.push({
          cve,
          source,
          version,
          fixedIn: status === "resolved" && typeof fixed === "string" ? fixed : undefined,
          urgency: typeof urgency === "string" ? urgency : "not yet assigned",
        });
    }
  }
  known.sort((a, b) => compareWords(a.source, b.source) || compareWords(a.cve, b.cve));
  return { known, sources: sources.size, undetermined, unreadable };
}

/** `0` stands for a release that never had it. */
function isFixedAfter(fixed: string, version: string): boolean {
  return fixed !== "0" && compareDebianVersions(version, fixed) < 0;
}

function compareWords(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

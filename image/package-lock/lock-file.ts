import { ConfigError, type JsonObject, parseJson, readObject, readText } from "../../core/checked-json.ts";

/** One .deb that a tree is made of. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** Of the .deb, 64 hexadecimal digits. */
  readonly sha256: string;
  /** Below a mirror: `pool/main/b/bash/bash_5.2.37-2_amd64.deb`. */
  readonly file: string;
}

/** What the trees of one profile's image are made of; image/locks/PROFILE.json. */
export interface PackageLock {
  readonly profile: string;
  readonly tools: readonly LockedPackage[];
  readonly root: readonly LockedPackage[];
}

export const LOCKED_TREES = ["tools", "root"] as const;
export type LockedTree = (typeof LOCKED_TREES)[number];

const FORMAT = 1;
/** Far more than a tree has. */
const PACKAGES_MAX = 5000;
const KEYS = ["name", "version", "architecture", "sha256", "file"];
const FILE_WORDS = "a path like pool/main/b/bash/bash_5.2.37-2_amd64.deb";
/** Debian policy, sections 5.6.1, 5.6.8 and 5.6.12. */
const NAME = /^[a-z0-9][a-z0-9+.-]{1,99}$/;
const ARCHITECTURE = /^(?:all|[a-z0-9][a-z0-9-]{1,31})$/;
const VERSION = /^[0-9][A-Za-z0-9.+~:-]{0,199}$/;
const FILE = /^pool(?:\/[A-Za-z0-9][A-Za-z0-9.+~_-]*){3,5}\.deb$/;

/** Text of a lock of `profile`; throws a ConfigError that says where it is not one. */
export function parsePackageLock(text: string, path: string, profile: string): PackageLock {
  const lock = readObject(parseJson(text, path), path, ["format", "profile", ...LOCKED_TREES]);
  if (lock.format !== FORMAT) throw new ConfigError(`${path}.format`, String(FORMAT), lock.format);
  if (lock.profile !== profile) throw new ConfigError(`${path}.profile`, JSON.stringify(profile), lock.profile);
  return { profile, tools: readPackages(lock, "tools", path), root: readPackages(lock, "root", path) };
}

function readPackages(lock: JsonObject, tree: LockedTree, path: string): readonly LockedPackage[] {
  const value = lock[tree];
  const where = `${path}.${tree}`;
  if (!Array.isArray(value) || value.length > PACKAGES_MAX)
    throw new ConfigError(where, `a list of at most ${PACKAGES_MAX} packages`, value);
  const names = new Set<string>();
  return value.map((item, index) => {
    const at = `${where}[${index}]`;
    const one = readObject(item, at, KEYS);
    const name = readText(one, "name", at, "a package's name", NAME);
    if (names.has(name)) throw new ConfigError(`${at}.name`, "each package once", name);
    names.add(name);
    return {
      name,
      version: readText(one, "version", at, "a package's version", VERSION),
      architecture: readText(one, "architecture", at, "an architecture", ARCHITECTURE),
      sha256: readText(one, "sha256", at, "64 hexadecimal digits", /^[0-9a-f]{64}$/),
      file: readText(one, "file", at, FILE_WORDS, FILE),
    };
  });
}

/** A line a package, by name, so that a change shows as the packages that changed. */
export function renderPackageLock(lock: PackageLock): string {
  const tree = (packages: readonly LockedPackage[]) =>
    [...packages]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, version, architecture, sha256, file }) => {
        return `    ${JSON.stringify({ name, version, architecture, sha256, file })}`;
      })
      .join(",\n");
  return [
    "{",
    `  "format": ${FORMAT},`,
    `  "profile": ${JSON.stringify(lock.profile)},`,
    `  "tools": [\n${tree(lock.tools)}\n  ],`,
    `  "root": [\n${tree(lock.root)}\n  ]`,
    "}\n",
  ].join("\n");
}

/** Where the file of a package lies below a mirror, without the epoch of its version. Source: Debian developer's reference, 4.6.1. */
export function poolPathOf(one: {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
  /** As dpkg has it: with the component before it, but for main. */
  readonly section: string;
}): string {
  const component = one.section.includes("/") ? one.section.replace(/\/.*/, "") : "main";
  const letters = one.source.startsWith("lib") ? one.source.slice(0, 4) : one.source.slice(0, 1);
  const version = one.version.replace(/^\d+:/, "");
  return `pool/${component}/${letters}/${one.source}/${one.name}_${version}_${one.architecture}.deb`;
}

/** The name that apt keeps a package's file under, with the epoch of its version. */
export function keptNameOf({ name, version, architecture }: Omit<LockedPackage, "sha256" | "file">): string {
  return `${name}_${version.replaceAll(":", "%3a")}_${architecture}.deb`;
}

/** Of the packages that a tree is to have, those that the lock lacks: it is older than the list. */
export function missingFrom(packages: readonly LockedPackage[], wanted: readonly string[]): readonly string[] {
  const names = new Set(packages.map(({ name }) => name));
  return wanted.filter((name) => !names.has(name));
}

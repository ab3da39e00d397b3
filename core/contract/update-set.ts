import { ConfigError, parseJson, readInteger, readObject, readText } from "../checked-json.ts";
import { slotUuidsOf } from "../slot-uuids.ts";
import { compareVersions, VERSION_PATTERN, VERSION_WORDS } from "../version.ts";

/**
 * The set of a version: a folder of these files. `SHA256SUMS.sig` is the base64 of an Ed25519 signature (RFC 8032) over the octets of
 * `SHA256SUMS`, which names all others, as sha256sum(1) does. `update.json` is an UpdateDescription. Three are what systemd-sysupdate lays
 * into a slot; their names hold the version and the partition's UUID. One more is the boot loader of the ESP, signed; a set may lack it.
 */
export const SUMS_FILE = "SHA256SUMS";
export const SIGNATURE_FILE = "SHA256SUMS.sig";
export const DESCRIPTION_FILE = "update.json";
/** Read whole, so they are small. */
export const SMALL_LIMIT_BYTES = {
  [SUMS_FILE]: 4096,
  [SIGNATURE_FILE]: 128,
  [DESCRIPTION_FILE]: 4096,
} as const;
/** Of each of those of a slot: no partition of a slot, and no ESP, is larger. */
const CONTENT_LIMIT_BYTES = 2 * 1024 ** 3;
/** Of the boot loader, which is read whole: systemd-boot has an eighth of it. */
export const LOADER_LIMIT_BYTES = 1024 ** 2;

/** Of a profile's name. */
export const PROFILE_PATTERN = /^[a-z0-9][a-z0-9-]{0,30}$/;

export interface UpdateDescription {
  readonly version: string;
  readonly profile: string;
  /** Boxes that have seen this set take no version below, whoever signed it. */
  readonly minimumVersion: string;
  /** SOURCE_DATE_EPOCH of the build, Unix seconds. */
  readonly epochS: number;
  /** dm-verity, SHA-256, 64 hexadecimal digits. */
  readonly roothash: string;
  readonly sizes: ContentSizes;
}

/** Octets of the UKI, the root file system, its hash tree, and the boot loader, where the set has one. */
export interface ContentSizes {
  readonly efiBytes: number;
  readonly rootBytes: number;
  readonly verityBytes: number;
  readonly loaderBytes?: number;
}

export interface SetFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/** The files of a set that are no words about it; the boot loader last. */
export function contentFilesOf(description: UpdateDescription): readonly SetFile[] {
  const { version, roothash, sizes } = description;
  const uuids = slotUuidsOf(roothash);
  return [
    { name: `cepa_${version}.efi`, sizeBytes: sizes.efiBytes },
    { name: `cepa_${version}_${uuids.root}.root`, sizeBytes: sizes.rootBytes },
    { name: `cepa_${version}_${uuids.verity}.verity`, sizeBytes: sizes.verityBytes },
    ...(sizes.loaderBytes === undefined ? [] : [{ name: loaderFileOf(version), sizeBytes: sizes.loaderBytes }]),
  ];
}

/** Not .efi: what is named so is a kernel to systemd-sysupdate. */
export function loaderFileOf(version: string): string {
  return `cepa_${version}.loader`;
}

export function contentBytesOf(description: UpdateDescription): number {
  return contentFilesOf(description).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Throws a ConfigError. */
export function parseUpdateDescription(text: string): UpdateDescription {
  const path = DESCRIPTION_FILE;
  const keys = ["version", "profile", "minimumVersion", "epochS", "roothash", "sizes"];
  const object = readObject(parseJson(text, path), path, keys);
  const sizesPath = `${path}.sizes`;
  const sizes = readObject(object.sizes, sizesPath, ["efiBytes", "rootBytes", "verityBytes", "loaderBytes"]);
  const size = (key: string, mostBytes = CONTENT_LIMIT_BYTES) => readInteger(sizes, key, sizesPath, 1, mostBytes);
  const description: UpdateDescription = {
    version: readText(object, "version", path, VERSION_WORDS, VERSION_PATTERN),
    profile: readText(object, "profile", path, "a profile's name", PROFILE_PATTERN),
    minimumVersion: readText(object, "minimumVersion", path, VERSION_WORDS, VERSION_PATTERN),
    epochS: readInteger(object, "epochS", path, 0, 99_999_999_999),
    roothash: readText(object, "roothash", path, "64 hexadecimal digits", /^[0-9a-f]{64}$/),
    sizes: {
      ...{ efiBytes: size("efiBytes"), rootBytes: size("rootBytes"), verityBytes: size("verityBytes") },
      ...(sizes.loaderBytes === undefined ? {} : { loaderBytes: size("loaderBytes", LOADER_LIMIT_BYTES) }),
    },
  };
  if (compareVersions(description.minimumVersion, description.version) > 0)
    throw new ConfigError(`${path}.minimumVersion`, `at most ${description.version}`, description.minimumVersion);
  return description;
}

/** `HASH  NAME` lines, by name (ASCII), as `sha256sum -b` and `-c` know them. */
export function renderSums(hashes: ReadonlyMap<string, string>): string {
  return [...hashes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, hash]) => `${hash}  ${name}\n`)
    .join("");
}

const SUMS_LINES_MAX = 16;

/** Hash of each name; undefined for a text that is no such list, has a name twice, or one that is a path. */
export function parseSums(text: string): ReadonlyMap<string, string> | undefined {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length > SUMS_LINES_MAX) return undefined;
  const hashes = new Map<string, string>();
  for (const line of lines) {
    const match = /^([0-9a-f]{64}) {2}([A-Za-z0-9][A-Za-z0-9._~-]{0,150})$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined || hashes.has(match[2])) return undefined;
    hashes.set(match[2], match[1]);
  }
  return hashes;
}

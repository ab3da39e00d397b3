import { ConfigError, type JsonObject, readText } from "../core/checked-json.ts";
import type { ImageProfile } from "./profile.ts";
import type { TreeFileSize } from "./tree/sizes.ts";

/** What an image contains; written beside it. */
export interface ImageManifest {
  readonly version: string;
  readonly profile: string;
  /** dm-verity, SHA-256, 64 hexadecimal digits. */
  readonly rootHash: string;
  /**
   * PCR 11 of the SHA-256 bank from when the kernel has started, 64 hexadecimal digits. With keys or without, it isn't the same: the
   * public half of pcr.key is measured too.
   */
  readonly pcr11: string;
  /** SOURCE_DATE_EPOCH of the build, Unix seconds. */
  readonly epochS: number;
  readonly diskBytes: number;
  /** The disk under zstd, when that was made. */
  readonly compressedBytes?: number;
  readonly rootBytes: number;
  readonly verityBytes: number;
  readonly ukiBytes: number;
  readonly initrdBytes: number;
  readonly partitions: ImageProfile["sizes"];
  /** Files of the root file system before compression, the largest first. */
  readonly largest: readonly TreeFileSize[];
  readonly packages: readonly ImagePackage[];
}

export interface ImagePackage {
  readonly name: string;
  readonly version: string;
  readonly installedBytes: number;
  /** The source package, by which Debian's security tracker knows it, and its version. */
  readonly source: string;
  readonly sourceVersion: string;
  readonly architecture: string;
  /** Debian's, with the component before it, but for main: `admin`, `non-free-firmware/kernel`. */
  readonly section: string;
}

/** Format for dpkg-query(1), as parsePackages reads it. */
export const PACKAGE_FORMAT = [
  "Package",
  "Version",
  "Installed-Size",
  "source:Package",
  "source:Version",
  "Architecture",
  "Section",
]
  .map((field) => `\${${field}}`)
  .join(" ")
  .concat("\\n");

/** Lines of PACKAGE_FORMAT. */
export function parsePackages(text: string): readonly ImagePackage[] {
  return text
    .split("\n")
    .map((line) => line.split(" "))
    .flatMap(
      ([name = "", version = "", kib, source = name, sourceVersion = version, architecture = "", section = ""]) =>
        name === ""
          ? []
          : [{ name, version, installedBytes: Number(kib) * 1024, source, sourceVersion, architecture, section }],
    );
}

/** The packages of a manifest that was read from a file; throws a ConfigError where it is none. */
export function readManifestPackages(
  manifest: unknown,
  path: string,
): readonly Pick<ImagePackage, "name" | "version" | "source" | "sourceVersion">[] {
  const packages = typeof manifest === "object" && manifest !== null && "packages" in manifest && manifest.packages;
  if (!Array.isArray(packages)) throw new ConfigError(path, "a manifest with packages", manifest);
  return packages.map((item: unknown, index) => {
    const at = `${path}.packages[${index}]`;
    if (typeof item !== "object" || item === null) throw new ConfigError(at, "a package", item);
    const text = (key: string) => readText(item as JsonObject, key, at, "text");
    return {
      name: text("name"),
      version: text("version"),
      source: text("source"),
      sourceVersion: text("sourceVersion"),
    };
  });
}

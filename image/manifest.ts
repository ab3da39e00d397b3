import type { ImageProfile } from "./profile.ts";
import type { TreeFileSize } from "./tree/sizes.ts";

/** What an image contains; written beside it. */
export interface ImageManifest {
  readonly version: string;
  readonly profile: string;
  /** dm-verity, SHA-256, 64 hexadecimal digits. */
  readonly rootHash: string;
  /** SOURCE_DATE_EPOCH of the build, Unix seconds. */
  readonly epochS: number;
  readonly diskBytes: number;
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
}

/** Lines of `name version KiB source source-version`, as dpkg-query prints them here. */
export function parsePackages(text: string): readonly ImagePackage[] {
  return text
    .split("\n")
    .map((line) => line.split(" "))
    .flatMap(([name = "", version = "", kib = "0", source = name, sourceVersion = version]) =>
      name === "" ? [] : [{ name, version, installedBytes: Number(kib) * 1024, source, sourceVersion }],
    );
}

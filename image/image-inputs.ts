import type { AptSettings } from "./debian-tree.ts";
import type { ImageProfile } from "./profile.ts";
import type { SecureBootKeys } from "./secure-boot-keys.ts";

const TOOLS = "tools";

export interface ImagePaths {
  /** The checkout: image/ and overlay/ are there. */
  readonly project: string;
  /** Holds the tools tree and the work folders. */
  readonly cache: string;
  readonly dist: string;
}

export interface ImageInputs {
  readonly profile: ImageProfile;
  readonly version: string;
  readonly paths: ImagePaths;
  readonly apt: AptSettings;
  /** SOURCE_DATE_EPOCH: Unix seconds that date every file of the image. */
  readonly epochS: number;
  /** What the boot loader and the kernel are signed with; unsigned without. */
  readonly keys: SecureBootKeys | undefined;
  /** Packages come from this lock alone; from the mirror as it is without. */
  readonly isLocked: boolean;
  /** Lists of image/definitions, without comments. */
  readonly definitions: Definitions;
}

export interface Definitions {
  readonly toolsPackages: readonly string[];
  readonly rootPackages: readonly string[];
  readonly rootRemoved: readonly string[];
  readonly rootPrograms: readonly string[];
  readonly rootLibraries: readonly string[];
  readonly rootModules: readonly string[];
}

export interface WorkPaths {
  readonly tools: string;
  readonly work: string;
  readonly rootHash: string;
  readonly packages: string;
  /** Copyright files of the root's packages, by package. */
  readonly copyright: string;
  /** .deb files that trees were made of. */
  readonly packagesKept: string;
  /** What `cepa image lock` writes. */
  readonly packageLock: string;
  readonly disk: string;
  /** The disk under zstd. */
  readonly compressed: string;
  readonly manifest: string;
  readonly sbom: string;
}

export function workPathsOf(paths: ImagePaths, profile: ImageProfile): WorkPaths {
  const work = `${paths.cache}/${profile.name}`;
  return {
    tools: `${paths.cache}/${TOOLS}`,
    work,
    rootHash: `${work}/root.hash`,
    packages: `${work}/packages.txt`,
    copyright: `${work}/copyright`,
    packagesKept: `${paths.cache}/packages`,
    packageLock: `${paths.project}/image/locks/${profile.name}.json`,
    disk: `${paths.dist}/cepa-${profile.name}.raw`,
    compressed: `${paths.dist}/cepa-${profile.name}.raw.zst`,
    manifest: `${paths.dist}/cepa-${profile.name}.manifest.json`,
    sbom: `${paths.dist}/cepa-${profile.name}.spdx.json`,
  };
}

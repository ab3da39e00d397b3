import type { ImagePackage } from "../manifest.ts";
import { ImageError } from "../step-runner.ts";
import { hashOf } from "./kept-packages.ts";
import { keptNameOf, type LockedPackage, poolPathOf } from "./lock-file.ts";

/** Locks what a tree was made of, from its kept .deb files. Throws an ImageError when one isn't kept. */
export async function lockPackages(
  packages: readonly ImagePackage[],
  folder: string,
): Promise<readonly LockedPackage[]> {
  const locked: LockedPackage[] = [];
  const missing: string[] = [];
  for (const one of packages) {
    const { name, version, architecture } = one;
    const sha256 = await hashOf(`${folder}/${keptNameOf(one)}`);
    if (sha256 === undefined) missing.push(keptNameOf(one));
    else locked.push({ name, version, architecture, sha256, file: poolPathOf(one) });
  }
  if (missing.length > 0)
    throw new ImageError(
      "missingInput",
      `${folder} lacks ${missing.length} of the packages that a tree was made of, ${missing[0]} first: delete the trees beside it, and lock again`,
    );
  return locked;
}

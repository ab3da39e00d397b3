import { readFile } from "node:fs/promises";
import type { ImagePackage } from "../manifest.ts";
import { type DeclaredLicence, declaredLicence, type LicenceNames } from "./declared-licence.ts";

/** By package, of the copyright files in `folder`, which are named after their packages; those that have none are left out. */
export async function readLicences(
  folder: string,
  packages: readonly Pick<ImagePackage, "name" | "source">[],
  names: LicenceNames,
): Promise<ReadonlyMap<string, DeclaredLicence>> {
  const licences = new Map<string, DeclaredLicence>();
  for (const { name, source } of packages) {
    const text = await readFile(`${folder}/${name}`, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text !== undefined) licences.set(name, declaredLicence(text, source, names));
  }
  return licences;
}

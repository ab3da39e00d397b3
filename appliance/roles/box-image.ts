import { readFile } from "node:fs/promises";
import { parseImageProfile, parseImageVersion } from "../health/plain.ts";
import { type BoxImage, UPDATE_PUBLIC_KEY } from "../update/verify-set.ts";

/** Of the system that runs. */
export async function readBoxImage(keyPath = UPDATE_PUBLIC_KEY): Promise<BoxImage> {
  const osRelease = await readFile("/etc/os-release", "utf8");
  return { version: parseImageVersion(osRelease), profile: parseImageProfile(osRelease), keyPath };
}

import { truncate, writeFile } from "node:fs/promises";
import { nodeExec } from "../../core/node/exec.ts";

const TIMEOUT_MS = 120_000;

/** Makes the file `path` a USB stick's content: FAT32, by mtools, with `sources` (files, and folders with what is in them) in its root. */
export async function makeStick(
  path: string,
  sizeMib: number,
  sources: readonly string[],
  clusterSectors = 8,
): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  await writeFile(path, "");
  await truncate(path, sizeMib * 1024 * 1024);
  await nodeExec("mformat", ["-i", path, "-F", "-c", String(clusterSectors), "-v", "STICK", "::"], signal);
  if (sources.length > 0) await nodeExec("mcopy", ["-s", "-i", path, ...sources, "::"], signal);
}

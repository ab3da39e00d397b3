import { open, stat, truncate, writeFile } from "node:fs/promises";
import { nodeExec } from "../../core/node/exec.ts";
import { GPT_BYTES, SECTOR_BYTES } from "../../image/flash/gpt.ts";
import { findPartition } from "../../scripts/rig/disk-image.ts";

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
  await fill(path, ["-c", String(clusterSectors)], sources, signal);
}

/** The same in the `state` partition of a stick whose partition table is that of the box's own disk: every name, every UUID. */
export async function makeTwinStick(path: string, disk: string, sources: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  await copyTable(disk, path);
  const { offsetBytes, sizeBytes } = await findPartition(disk, /^state$/);
  await fill(`${path}@@${offsetBytes}`, ["-T", String(sizeBytes / SECTOR_BYTES)], sources, signal);
}

/** `fat`: what mtools takes for an image: a file, or one with an offset. */
async function fill(
  fat: string,
  options: readonly string[],
  sources: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await nodeExec("mformat", ["-i", fat, "-F", ...options, "-v", "STICK", "::"], signal);
  if (sources.length > 0) await nodeExec("mcopy", ["-s", "-i", fat, ...sources, "::"], signal);
}

async function copyTable(from: string, to: string): Promise<void> {
  const table = Buffer.alloc(GPT_BYTES);
  const disk = await open(from, "r");
  try {
    await disk.read(table, 0, GPT_BYTES, 0);
  } finally {
    await disk.close();
  }
  await writeFile(to, table);
  await truncate(to, (await stat(from)).size);
}

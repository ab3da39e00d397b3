import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Exec } from "../../core/ports.ts";
import { FlashError } from "./flash-error.ts";

/** Content of one file of the state partition; secrets as octets, so that they can be zeroed. */
export type StateFiles = ReadonlyMap<string, Uint8Array>;

/** A folder that is only in memory. ramfs never goes to swap; without root, a tmpfs of the system must do. */
export async function withMemoryFolder<T>(
  exec: Exec,
  signal: AbortSignal,
  body: (folder: string) => Promise<T>,
): Promise<T> {
  const isRoot = process.getuid?.() === 0;
  const folder = await mkdtemp(isRoot ? "/tmp/cepa-flash-" : "/dev/shm/cepa-flash-");
  if (isRoot) await exec("mount", ["-t", "ramfs", "-o", "mode=0700", "ramfs", folder], signal);
  try {
    return await body(folder);
  } finally {
    await zeroTree(folder).catch(() => {});
    // Not given up for an abort: what is there is secret.
    if (isRoot) await exec("umount", [folder], AbortSignal.timeout(10_000));
    await rm(folder, { recursive: true, force: true });
  }
}

async function zeroTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path);
    if (size <= ZEROED_MAX_BYTES) await writeFile(path, new Uint8Array(size), { flag: "r+" });
    await rm(path);
  }
}

/** Larger are file system images: their pages go back to the kernel, which zeroes them before anybody else gets them. */
const ZEROED_MAX_BYTES = 1024 * 1024;
/** 1 GiB of ext4 with its journal; a fixed hash seed and time would tell nothing, so there are none. */
const EXT4_ARGS = [
  "-q",
  "-F",
  "-t",
  "ext4",
  "-L",
  "state",
  "-m",
  "0",
  "-E",
  "root_owner=0:0,lazy_itable_init=1",
] as const;

/** Makes an ext4 with `files` in the file FOLDER/state.ext4, checks it, and returns its path. */
export async function buildStatePartition(
  folder: string,
  files: StateFiles,
  sizeBytes: number,
  exec: Exec,
  signal: AbortSignal,
): Promise<string> {
  const tree = join(folder, "tree");
  const image = join(folder, "state.ext4");
  await mkdir(tree, { mode: 0o755 });
  for (const [name, content] of files) {
    const path = join(tree, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(path, content, { mode: 0o600 });
  }
  await chmod(tree, 0o755);
  try {
    await exec("mke2fs", [...EXT4_ARGS, "-d", tree, image, `${Math.floor(sizeBytes / 1024)}k`], signal);
    await exec("e2fsck", ["-f", "-n", image], signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw new FlashError("toolFailed", `the state partition: ${(cause as Error).message}`, { cause });
  }
  return image;
}

import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Exec } from "../../core/ports.ts";
import { FlashError } from "./flash-error.ts";
import type { Extent } from "./flash-plan.ts";

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
    await writeFile(path, new Uint8Array((await stat(path)).size), { flag: "r+" });
    await rm(path);
  }
}

/** No discard: what is outside of the partition must stay. Inode tables are zeroed by the kernel at first mount. */
const EXT4_OPTIONS = "nodiscard,root_owner=0:0,lazy_itable_init=1";

/**
 * Makes an ext4 with `files` at `place` of the target, whose octets there are zero, checks it and reads the files back.
 * `folder` is in memory. Throws a FlashError.
 */
export async function writeStatePartition(
  folder: string,
  files: StateFiles,
  targetPath: string,
  place: Extent,
  exec: Exec,
  signal: AbortSignal,
): Promise<void> {
  const tree = join(folder, "tree");
  const back = join(folder, "back");
  await mkdir(back, { mode: 0o700 });
  await mkdir(tree, { mode: 0o755 });
  for (const [name, content] of files) {
    const path = join(tree, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(path, content, { mode: 0o600 });
  }
  const inTarget = `${targetPath}?offset=${place.offsetBytes}`;
  const names = [...files.keys()];
  const commands = join(folder, "commands");
  await writeFile(commands, names.map((name, i) => `dump "/${name}" ${join(back, String(i))}\n`).join(""));
  try {
    await exec(
      "mke2fs",
      [
        ...["-q", "-F", "-t", "ext4", "-L", "state", "-m", "0", "-d", tree],
        ...["-E", `offset=${place.offsetBytes},${EXT4_OPTIONS}`, targetPath, `${Math.floor(place.sizeBytes / 1024)}k`],
      ],
      signal,
    );
    await exec("sync", [targetPath], signal);
    await exec("e2fsck", ["-f", "-n", inTarget], signal);
    await exec("debugfs", ["-f", commands, inTarget], signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw new FlashError("toolFailed", `the state partition: ${(cause as Error).message}`, { cause });
  }
  for (const [i, name] of names.entries()) {
    const read = await readFile(join(back, String(i))).catch(() => undefined);
    if (read === undefined || !read.equals(files.get(name) ?? new Uint8Array()))
      throw new FlashError("differs", `${targetPath}: ${name} was not read back as it was written`);
  }
}

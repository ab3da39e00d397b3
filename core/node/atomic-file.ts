import { open, rename, rm, unlink } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Replaces a file so that a reader, or a power cut, sees the old content or the new and nothing between: written beside
 * it, flushed, renamed, and the folder flushed.
 */
export async function writeFileAtomically(path: string, content: Uint8Array | string, mode = 0o600): Promise<void> {
  const temporary = `${path}.new`;
  await unlink(temporary).catch(() => {});
  const file = await open(temporary, "wx", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await flush(dirname(path));
}

/** Removes a file, if it is there, so that a power cut does not bring it back. */
export async function removeForGood(path: string): Promise<void> {
  await rm(path, { force: true });
  await flush(dirname(path));
}

/** Resolves when what a file holds, or a folder's names, is on the disk. */
export async function flush(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

import { open, rename, unlink } from "node:fs/promises";
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
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

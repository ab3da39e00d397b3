import { constants } from "node:fs";
import { type FileHandle, open, readdir, rmdir, unlink } from "node:fs/promises";

/**
 * Removes the entry at the end of `path`, names below `folder`, with all that is in it; nothing when it is not there. `folder` is where its
 * caller put it; what is below may be another user's, who changes it meanwhile: no link is followed, at no level, so nothing goes that did not
 * lie there. (rm of node:fs goes by names, which may lead elsewhere by then.) Rejects with the error of the file system.
 */
export async function removeBelow(folder: string, ...path: readonly [string, ...string[]]): Promise<void> {
  const opened: FileHandle[] = [];
  try {
    let parent = await openFolder(folder);
    opened.push(parent);
    for (const name of path.slice(0, -1)) {
      parent = await openFolder(entryOf(parent, name));
      opened.push(parent);
    }
    await removeEntry(parent, path.at(-1) ?? "");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  } finally {
    for (const handle of opened) await handle.close();
  }
}

/** Linux has openat(2) and unlinkat(2), Node.js has this. */
function entryOf(folder: FileHandle, name: string): string {
  if (name === "" || name === "." || name === ".." || name.includes("/")) throw new Error(`no name of a file: ${name}`);
  return `/proc/self/fd/${folder.fd}/${name}`;
}

function openFolder(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

async function removeEntry(parent: FileHandle, name: string): Promise<void> {
  const entry = entryOf(parent, name);
  try {
    await unlink(entry);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EISDIR") throw error;
  }
  const folder = await openFolder(entry);
  try {
    for (const below of await readdir(`/proc/self/fd/${folder.fd}`)) await removeEntry(folder, below);
  } finally {
    await folder.close();
  }
  await rmdir(entry);
}

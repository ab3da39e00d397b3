import { constants } from "node:fs";
import { type FileHandle, open, readdir, rmdir, unlink } from "node:fs/promises";

/** What is done to an entry that is no folder before it goes, by a path that is good for this moment; it may be a link. */
export type BeforeRemoval = (path: Uint8Array) => Promise<void>;

/**
 * Removes the entry at the end of `path`, names below `folder`, with all that is in it; nothing when it is not there. `folder` is where its
 * caller put it; what is below may be another user's, who changes it meanwhile: no link is followed, at no level, so nothing goes that did not
 * lie there. (rm of node:fs goes by names, which may lead elsewhere by then.) What can't be removed keeps nothing else there. Rejects with the
 * first error of the file system.
 */
export function removeBelow(folder: string, ...path: readonly [string, ...string[]]): Promise<void> {
  return removeAt(folder, path, async () => {});
}

/** As removeBelow; each entry is given to `before` first, and stays when that rejects. */
export function removeBelowAfter(
  before: BeforeRemoval,
  folder: string,
  ...path: readonly [string, ...string[]]
): Promise<void> {
  return removeAt(folder, path, before);
}

async function removeAt(folder: string, path: readonly string[], before: BeforeRemoval): Promise<void> {
  const opened: FileHandle[] = [];
  try {
    let parent = await openFolder(folder);
    opened.push(parent);
    for (const name of path.slice(0, -1)) {
      parent = await openFolder(entryOf(parent, nameOf(name)));
      opened.push(parent);
    }
    await removeEntry(parent, nameOf(path.at(-1) ?? ""), before);
  } catch (error) {
    if (!isMissing(error)) throw error;
  } finally {
    for (const handle of opened) await handle.close();
  }
}

function nameOf(name: string): Uint8Array {
  if (name === "" || name === "." || name === ".." || name.includes("/")) throw new Error(`no name of a file: ${name}`);
  return Buffer.from(name);
}

/** Linux has openat(2) and unlinkat(2), Node.js has this. A name is octets, which need not be text. */
function entryOf(folder: FileHandle, name: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${folder.fd}/`), name]);
}

function openFolder(path: string | Buffer): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

async function removeEntry(parent: FileHandle, name: Uint8Array, before: BeforeRemoval): Promise<void> {
  const entry = entryOf(parent, name);
  try {
    await before(entry);
    await unlink(entry);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EISDIR") throw error;
  }
  const folder = await openFolder(entry);
  const errors: unknown[] = [];
  try {
    for (const below of await readdir(`/proc/self/fd/${folder.fd}`, { encoding: "buffer" }))
      await removeEntry(folder, below, before).catch((error: unknown) => {
        if (!isMissing(error)) errors.push(error);
      });
  } finally {
    await folder.close();
  }
  if (errors.length > 0) throw errors[0];
  await rmdir(entry);
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

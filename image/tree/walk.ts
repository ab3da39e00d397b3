import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Something of a tree that is no folder. */
export interface TreeFile {
  /** Below the root, without a slash at its start. */
  readonly path: string;
  readonly isFile: boolean;
  readonly isLink: boolean;
  /** A file, by its mode. */
  readonly isExecutable: boolean;
  readonly mode: number;
  readonly sizeBytes: number;
}

/** All that is no folder below `folder`, by path; links are not followed. `below` stands before each path. */
export async function filesBelow(folder: string, below = ""): Promise<readonly TreeFile[]> {
  const found: TreeFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      found.push(...(await filesBelow(join(folder, entry.name), path)));
      continue;
    }
    const { mode, size } = await lstat(join(folder, entry.name));
    found.push({
      path,
      isFile: entry.isFile(),
      isLink: entry.isSymbolicLink(),
      isExecutable: entry.isFile() && (mode & 0o111) !== 0,
      mode,
      sizeBytes: size,
    });
  }
  return found;
}

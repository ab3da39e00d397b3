import { filesBelow } from "./walk.ts";

export interface TreeFileSize {
  /** Below the root of the tree. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** The `count` largest files below `tree`; links count as nothing. */
export async function largestFiles(tree: string, count: number): Promise<readonly TreeFileSize[]> {
  return (await filesBelow(tree))
    .filter(({ isFile }) => isFile)
    .map(({ path, sizeBytes }) => ({ path, sizeBytes }))
    .sort((a, b) => b.sizeBytes - a.sizeBytes || (a.path < b.path ? -1 : 1))
    .slice(0, count);
}

import type { ElfLinks } from "./elf.ts";

/** A shared library or a program of a tree. */
export interface LinkedFile {
  /** Below the root, without a slash at its start. */
  readonly path: string;
  readonly links: ElfLinks;
  /** A link: the path that it leads to. */
  readonly target?: string;
}

export interface LibraryClosure {
  /** Paths of the libraries that are reached. */
  readonly kept: ReadonlySet<string>;
  /** `library (wanted by path)`, sorted. */
  readonly missing: readonly string[];
}

/**
 * Which libraries the given programs reach: what is linked, and what they say that they open while they run where it is there
 * (`required`: must be there). `find` resolves a library's name to a path in the tree.
 */
export function closeLibraries(
  programs: readonly string[],
  files: ReadonlyMap<string, LinkedFile>,
  find: (name: string, runPath: string | undefined, from: string) => string | undefined,
): LibraryClosure {
  const kept = new Set<string>();
  const missing = new Set<string>();
  const open = [...programs];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (kept.has(path)) continue;
    kept.add(path);
    const { links, target } = files.get(path) ?? {};
    if (target !== undefined) open.push(target);
    if (links === undefined) continue;
    for (const name of links.needed) {
      const found = find(name, links.runPath, path);
      if (found === undefined) missing.add(`${name} (wanted by ${path})`);
      else open.push(found);
    }
    for (const { names, priority } of links.opened) {
      if (priority === "suggested") continue;
      const found = names.map((name) => find(name, links.runPath, path)).find((one) => one !== undefined);
      if (found !== undefined) open.push(found);
      else if (priority === "required") missing.add(`${names.join(" or ")} (opened by ${path})`);
    }
  }
  return { kept, missing: [...missing].sort() };
}

/** What depmod(8) says of one kernel's modules; names are with underscores, as the kernel has them. */
export interface ModuleIndex {
  /** Path below the kernel's folder, by name. */
  readonly paths: ReadonlyMap<string, string>;
  /** Names that a module needs, all of them, and wants beside it (modules.dep, modules.softdep). */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  readonly builtIn: ReadonlySet<string>;
}

/** Texts of modules.dep, modules.softdep and modules.builtin. */
export function parseModuleIndex(dependencies: string, soft: string, builtIn: string): ModuleIndex {
  const paths = new Map<string, string>();
  const needs = new Map<string, string[]>();
  for (const line of dependencies.split("\n")) {
    const [path, rest] = line.split(":");
    if (path === undefined || rest === undefined) continue;
    const name = moduleNameOf(path);
    paths.set(name, path);
    needs.set(name, rest.split(" ").filter(Boolean).map(moduleNameOf));
  }
  for (const line of soft.split("\n")) {
    const [, name, rest] = /^softdep (\S+) (.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) continue;
    const wanted = rest.split(/\s+/).filter((word) => word !== "" && !word.endsWith(":"));
    needs.set(moduleNameOf(name), [...(needs.get(moduleNameOf(name)) ?? []), ...wanted.map(moduleNameOf)]);
  }
  return { paths, needs, builtIn: new Set(builtIn.split("\n").filter(Boolean).map(moduleNameOf)) };
}

export interface ModuleClosure {
  /** Paths below the kernel's folder, sorted. */
  readonly paths: readonly string[];
  /** Names that were asked for, and that this kernel has neither as a module nor built in. */
  readonly missing: readonly string[];
}

/** The modules of these names with all that they need. A soft dependency that the kernel lacks (an alias, say) is left out. */
export function closeModules(names: readonly string[], index: ModuleIndex): ModuleClosure {
  const missing = names.filter((name) => !isKnown(moduleNameOf(name), index));
  const found = new Set<string>();
  const open = names.map(moduleNameOf);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const path = index.paths.get(name);
    if (path === undefined || found.has(path)) continue;
    found.add(path);
    open.push(...(index.needs.get(name) ?? []));
  }
  return { paths: [...found].sort(), missing };
}

function isKnown(name: string, index: ModuleIndex): boolean {
  return index.paths.has(name) || index.builtIn.has(name);
}

/** `kernel/drivers/net/dummy.ko.xz` and `dummy` are both `dummy`; dashes are underscores (modprobe(8)). */
export function moduleNameOf(path: string): string {
  return path
    .replace(/^.*\//, "")
    .replace(/\.ko(?:\.(?:xz|zst|gz))?$/, "")
    .replaceAll("-", "_");
}

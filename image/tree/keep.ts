import { lstat, open, readdir, readFile, readlink, realpath, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join, normalize, relative } from "node:path";
import { decodeElfLinks } from "./elf.ts";
import { closeModules, parseModuleIndex } from "./kernel-modules.ts";
import { closeLibraries, type LinkedFile } from "./libraries.ts";
import { PROGRAM_FOLDERS, programsOfUnit, type UnitProgram } from "./units.ts";
import { filesBelow, type TreeFile } from "./walk.ts";

/** A tree lacks what something in it, or a list of image/definitions, needs. */
export class TreeError extends Error {
  override readonly name = "TreeError";
}

const MODULES = "usr/lib/modules";
const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const UNITS = "usr/lib/systemd/system";
/** Where links to programs lie beside the programs. */
const LINK_FOLDERS = [...PROGRAM_FOLDERS, "usr/lib/udev", "usr/lib/systemd/system-generators"];
const FIRST_LINE_BYTES = 128;
const NATIVE = "usr/lib/cepa/native";

/** Removes all kernel modules but the named ones and what they need; a name that the kernel lacks is an error. */
export async function keepModules(tree: string, names: readonly string[]): Promise<void> {
  for (const kernel of await readdir(join(tree, MODULES))) {
    const folder = join(tree, MODULES, kernel);
    const text = (name: string) => readFile(join(folder, name), "utf8");
    const index = parseModuleIndex(
      await text("modules.dep"),
      await text("modules.softdep"),
      await text("modules.builtin"),
    );
    const { paths, missing } = closeModules(names, index);
    if (missing.length > 0)
      throw new TreeError(`kernel ${kernel} has no module ${missing.join(", ")}: correct the lists of modules`);
    const kept = new Set(paths);
    for (const { path } of await filesBelow(join(folder, "kernel")))
      if (!kept.has(`kernel/${path}`)) await rm(join(folder, "kernel", path));
    await removeEmptyFolders(join(folder, "kernel"));
  }
}

/**
 * Removes every program (and link to one) that is not listed, and Debian's units whose program is gone, with what starts those.
 * Libraries are another matter: keepLibraries.
 */
export async function keepPrograms(tree: string, listed: readonly string[]): Promise<void> {
  const files = await filesBelow(tree);
  const programs = new Set(files.filter(isProgram).map(({ path }) => path));
  const missing = listed.filter((path) => !programs.has(path));
  if (missing.length > 0) throw new TreeError(`the root has no program ${missing.join(", ")}: correct programs.txt`);
  const kept = new Set(listed);
  for (const path of programs) if (!kept.has(path)) await rm(join(tree, path));
  for (const { path, isLink } of files)
    if (path.startsWith(`${UNITS}/`) && path.endsWith(".service") && !isLink) {
      const gone = await missingPrograms(tree, path);
      if (!gone.some(({ isMain, mayFail }) => isMain || !mayFail)) continue;
      const stem = basename(path).replace(/@?\.service$/, "");
      for (const name of [basename(path), `${stem}.socket`, `${stem}.path`, `${stem}.timer`])
        await rm(join(tree, UNITS, name), { force: true });
    }
  for (let removed = true; removed; ) {
    removed = false;
    for (const { path, isLink } of await filesBelow(join(tree, UNITS), UNITS))
      if (isLink && !(await isThere(tree, path))) {
        await rm(join(tree, path));
        removed = true;
      }
  }
}

function isProgram({ path, isLink, isExecutable }: TreeFile): boolean {
  if (!path.startsWith("usr/") || path.startsWith(`${LIBRARIES}/`) || path.startsWith(`${MODULES}/`)) return false;
  return isLink ? LINK_FOLDERS.includes(dirname(path)) : isExecutable;
}

/**
 * Removes what nothing links from the folder of libraries. A library that is linked and not there is an error, and so is a named one.
 * `names`: paths below the folder of what is opened without saying so.
 */
export async function keepLibraries(tree: string, names: readonly string[]): Promise<void> {
  const files = new Map<string, LinkedFile>();
  const programs: string[] = [];
  const all = await filesBelow(tree);
  for (const file of all) {
    const isLibrary = file.path.startsWith(`${LIBRARIES}/`);
    const isRoot = !isLibrary && (file.isExecutable || file.path.startsWith(`${NATIVE}/`));
    if (file.path.startsWith(`${MODULES}/`) || !(isLibrary || isRoot)) continue;
    if (isLibrary && file.isLink) {
      const target = normalize(join(dirname(file.path), await readlink(join(tree, file.path))));
      files.set(file.path, { path: file.path, target, links: NO_LINKS });
      continue;
    }
    const links = decodeElfLinks(await readFile(await inTree(tree, file.path)));
    if (links === undefined) continue;
    files.set(file.path, { path: file.path, links });
    if (isRoot) programs.push(file.path);
  }
  const named = names.map((name) => `${LIBRARIES}/${name}`);
  const loaders = programs.flatMap((path) => files.get(path)?.links.interpreter ?? []).map((path) => basename(path));
  const wanted = [...named, ...new Set(loaders.map((name) => `${LIBRARIES}/${name}`))];
  const lost = wanted.filter((path) => !files.has(path));
  if (lost.length > 0) throw new TreeError(`the root has no library ${lost.join(", ")}: correct libraries.txt`);
  // What a library links is often there already: its program has loaded it, by a run path of its own.
  const loaded = new Map([...files.keys()].map((path) => [basename(path), path]));
  const find = (name: string, runPath: string | undefined, from: string) =>
    foldersOf(runPath, from)
      .map((folder) => `${folder}/${name}`)
      .find((path) => files.has(path)) ?? files.get(loaded.get(name) ?? "")?.path;
  const { kept, missing } = closeLibraries([...programs, ...wanted], files, find);
  if (missing.length > 0) throw new TreeError(`libraries are missing: ${missing.join(", ")}`);
  for (const { path } of all) if (path.startsWith(`${LIBRARIES}/`) && !kept.has(path)) await rm(join(tree, path));
  await removeEmptyFolders(join(tree, LIBRARIES));
}

const NO_LINKS = { interpreter: undefined, needed: [], runPath: undefined, opened: [] } as const;

/** ld.so(8): DT_RUNPATH, then the folders that are always looked in. */
function foldersOf(runPath: string | undefined, from: string): readonly string[] {
  const own = (runPath ?? "")
    .split(":")
    .filter(Boolean)
    .map((folder) => normalize(folder.replace(/\$\{?ORIGIN\}?/, `/${dirname(from)}`)).replace(/^\//, ""));
  return [...own.map((folder) => folder.replace(/^lib\//, "usr/lib/")), LIBRARIES, "usr/lib"];
}

/**
 * What starts something that isn't there: programs of units, of scripts' first lines, modules to load at boot. An error names each.
 */
export async function checkTree(tree: string): Promise<void> {
  const files = await filesBelow(tree);
  const faults: string[] = [];
  for (const { path, isLink, isExecutable } of files) {
    if (isLink || path.startsWith(`${MODULES}/`)) continue;
    if (path.startsWith(`${UNITS}/`) && /\.(?:service|mount|socket)$/.test(path))
      for (const { program, mayFail } of await missingPrograms(tree, path))
        if (!mayFail) faults.push(`${path} starts ${program}`);
    if (path.startsWith("usr/lib/modules-load.d/"))
      for (const name of await missingModules(tree, await readFile(join(tree, path), "utf8")))
        faults.push(`${path} loads ${name}`);
    if (!isExecutable || path.startsWith(`${LIBRARIES}/`)) continue;
    const interpreter = await interpreterOf(join(tree, path));
    if (interpreter !== undefined && !(await isThere(tree, interpreter))) faults.push(`${path} wants ${interpreter}`);
  }
  if (faults.length > 0) throw new TreeError(`the root lacks what is needed: ${faults.join("; ")}`);
}

async function missingPrograms(tree: string, unit: string): Promise<readonly UnitProgram[]> {
  const missing: UnitProgram[] = [];
  for (const one of programsOfUnit(await readFile(join(tree, unit), "utf8"))) {
    const { program } = one;
    const places = program.startsWith("/") ? [program] : PROGRAM_FOLDERS.map((folder) => `${folder}/${program}`);
    const found = await Promise.all(places.map((place) => isThere(tree, place)));
    if (!found.includes(true)) missing.push(one);
  }
  return missing;
}

async function missingModules(tree: string, list: string): Promise<readonly string[]> {
  const names = list
    .split("\n")
    .map((line) => line.replace(/[#;].*/, "").trim())
    .filter(Boolean);
  const missing: string[] = [];
  for (const kernel of await readdir(join(tree, MODULES))) {
    const text = (name: string) => readFile(join(tree, MODULES, kernel, name), "utf8");
    missing.push(
      ...closeModules(names, parseModuleIndex(await text("modules.dep"), "", await text("modules.builtin"))).missing,
    );
  }
  return missing;
}

/** Of a script's first line (execve(2)); undefined for anything else. */
async function interpreterOf(path: string): Promise<string | undefined> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0);
    return /^#! ?(\S+)/.exec(buffer.toString("latin1", 0, bytesRead))?.[1];
  } finally {
    await file.close();
  }
}

/** Whether a path of the tree leads to something, links followed as the running system does. */
async function isThere(tree: string, path: string): Promise<boolean> {
  return stat(await inTree(tree, path)).then(
    () => true,
    () => false,
  );
}

/** On the host: absolute links of the tree start at its root. */
async function inTree(tree: string, path: string, hops = 0): Promise<string> {
  const folder = await realpath(join(tree, dirname(path))).catch(() => join(tree, dirname(path)));
  const here = join(folder, basename(path));
  const status = await lstat(here).catch(() => undefined);
  if (status?.isSymbolicLink() !== true || hops > 8) return here;
  const target = await readlink(here);
  return inTree(tree, target.startsWith("/") ? target : relative(tree, join(folder, target)), hops + 1);
}

async function removeEmptyFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await removeEmptyFolders(join(folder, entry.name));
  if ((await readdir(folder)).length === 0) await rmdir(folder);
}

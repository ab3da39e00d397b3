import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  chmod,
  copyFile,
  glob,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Exec, ExecError } from "../core/ports.ts";
import type { Action, Step } from "./step.ts";
import { checkTree, keepLibraries, keepModules, keepPrograms } from "./tree/keep.ts";

export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly code: "missingInput" | "tooLarge" | "stepFailed" | "noOutput" | "wrongHash" | "goneFromMirror" | "badInput";
  constructor(code: ImageError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface StepRunnerPorts {
  readonly exec: Exec;
  readonly report: (event: StepEvent) => void;
  readonly monotonicMs: () => number;
}

export type StepEvent =
  | { readonly name: "kept"; readonly step: Step }
  | { readonly name: "started"; readonly step: Step }
  | { readonly name: "done"; readonly step: Step; readonly durationMs: number };

export interface StepRunnerPaths {
  readonly inToolsScript: string;
  readonly tools: string;
  readonly work: string;
  /** Folders whose own path decides nothing: a checkout may be moved, and a cache shared. */
  readonly places: readonly string[];
}

/** What is remembered of a step that ran. `stamp` is new each time, so that what reads its output runs again too. */
interface Mark {
  readonly key: string;
  readonly stamp: string;
}

/**
 * Runs the steps whose inputs changed, or whose outputs are gone. `stamps` carries what ran from one plan to the next.
 * Throws an ImageError that names the step; the output of what a step ran is in WORK/log/STEP.log.
 */
export async function runSteps(
  steps: readonly Step[],
  paths: StepRunnerPaths,
  stamps: Map<string, string>,
  epochS: number,
  ports: StepRunnerPorts,
  signal: AbortSignal,
): Promise<void> {
  const marks = `${paths.work}/marks`;
  const logs = `${paths.work}/log`;
  await mkdir(marks, { recursive: true });
  await mkdir(logs, { recursive: true });
  for (const step of steps) {
    signal.throwIfAborted();
    const key = await keyOf(step, paths.places, stamps);
    // A step that makes the tools tree is marked inside it: all profiles share that tree.
    const markFile = step.outputs.includes(paths.tools) ? `${paths.tools}.mark` : `${marks}/${step.name}`;
    const mark = await readMark(markFile);
    if (mark?.key === key && (await allExist(step.outputs))) {
      stamps.set(step.name, mark.stamp);
      ports.report({ name: "kept", step });
      continue;
    }
    const startedMs = ports.monotonicMs();
    ports.report({ name: "started", step });
    await rm(markFile, { force: true });
    for (const output of step.outputs) await rm(output, { recursive: true, force: true });
    const log: string[] = [];
    try {
      for (const action of step.actions) await runAction(action, paths, epochS, log, ports.exec, signal);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof ImageError) throw cause;
      if (cause instanceof ExecError) log.push(cause.stdout, cause.stderr);
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new ImageError("stepFailed", `${step.does}: ${detail} (more in ${logs}/${step.name}.log)`, { cause });
    } finally {
      await writeFile(`${logs}/${step.name}.log`, log.join("\n"));
    }
    for (const output of step.outputs)
      if (!(await allExist([output]))) throw new ImageError("noOutput", `${step.does}: ${output} was not made`);
    const stamp = randomUUID();
    await writeFile(markFile, JSON.stringify({ key, stamp } satisfies Mark));
    stamps.set(step.name, stamp);
    ports.report({ name: "done", step, durationMs: ports.monotonicMs() - startedMs });
  }
}

async function keyOf(step: Step, places: readonly string[], stamps: ReadonlyMap<string, string>): Promise<string> {
  const hash = createHash("sha256");
  const ignored = new Set(step.ignored);
  const inner = [...places].sort((a, b) => b.length - a.length);
  const withoutPlaces = (text: string) =>
    inner.reduce((rest, place) => rest.replaceAll(place, `<${places.indexOf(place)}>`), text);
  const actions = JSON.stringify(step.actions, (_, value) => (ignored.has(value) ? null : value));
  hash.update(withoutPlaces(actions));
  for (const name of step.after) hash.update(`\0${name}=${stamps.get(name) ?? ""}`);
  for (const input of step.inputs) {
    if (!(await allExist([input]))) throw new ImageError("missingInput", `${step.does}: ${input} is missing`);
    hash.update(`\0${withoutPlaces(input)}=${await contentHash(input)}`);
  }
  return hash.digest("hex");
}

/** Of a file, or of all that is in a folder: names, whether executable, link targets, content. */
export async function contentHash(path: string): Promise<string> {
  const hash = createHash("sha256");
  const status = await lstat(path);
  if (status.isSymbolicLink()) hash.update(`link ${await readlink(path)}`);
  else if (status.isDirectory()) {
    for (const name of (await readdir(path)).sort()) hash.update(`${name}\0${await contentHash(join(path, name))}\0`);
  } else {
    hash.update(status.mode & 0o100 ? "program " : "file ");
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

async function readMark(path: string): Promise<Mark | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Mark;
  } catch {
    return undefined; // never run, or interrupted
  }
}

async function allExist(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    const status = await lstat(path).catch(() => undefined);
    if (status === undefined) return false;
  }
  return true;
}

async function runAction(
  action: Action,
  paths: StepRunnerPaths,
  epochS: number,
  log: string[],
  exec: Exec,
  signal: AbortSignal,
): Promise<void> {
  switch (action.kind) {
    case "run": {
      const env = { ...action.env, SOURCE_DATE_EPOCH: String(epochS) };
      log.push(`+ ${action.program} ${action.args.join(" ")}`);
      const result =
        action.where === "host"
          ? await exec(action.program, action.args, signal, { env })
          : await exec("sh", [paths.inToolsScript, paths.tools, paths.work, action.program, ...action.args], signal, {
              env,
            });
      if (action.outputTo === undefined) log.push(result.stdout);
      else await writeFile(action.outputTo, result.stdout);
      log.push(result.stderr);
      return;
    }
    case "makeFolder":
      await mkdir(action.path, { recursive: true, mode: 0o755 });
      return;
    case "write":
      await mkdir(dirname(action.path), { recursive: true });
      await rm(action.path, { force: true });
      await writeFile(action.path, action.text);
      await chmod(action.path, action.mode ?? 0o644);
      return;
    case "lay":
      await lay(action.from, action.to, action.mode);
      return;
    case "copyTree":
      await exec("cp", ["-a", "--reflink=auto", action.from, action.to], signal);
      return;
    case "prune":
      for (const pattern of action.globs)
        for await (const name of glob(pattern, { cwd: action.folder }))
          await rm(join(action.folder, name), { recursive: true, force: true });
      return;
    case "keepModules":
      await keepModules(action.tree, action.names);
      return;
    case "keepPrograms":
      await keepPrograms(action.tree, action.names);
      return;
    case "keepLibraries":
      await keepLibraries(action.tree, action.names);
      return;
    case "checkTree":
      await checkTree(action.tree);
      return;
    case "checkFits": {
      const { size } = await stat(action.path);
      if (size > action.sizeBytes)
        throw new ImageError(
          "tooLarge",
          `${action.path} has ${toMib(size)} MiB and does not fit into ${action.place} of ${toMib(action.sizeBytes)} MiB`,
        );
      return;
    }
    case "move":
      await mkdir(dirname(action.to), { recursive: true });
      await rename(action.from, action.to);
      return;
  }
}

async function lay(from: string, to: string, mode?: number): Promise<void> {
  const status = await lstat(from);
  if (status.isDirectory()) {
    await mkdir(to, { recursive: true, mode: 0o755 });
    for (const name of await readdir(from)) await lay(join(from, name), join(to, name));
    return;
  }
  await mkdir(dirname(to), { recursive: true, mode: 0o755 });
  await rm(to, { force: true });
  if (status.isSymbolicLink()) await symlink(await readlink(from), to);
  else {
    await copyFile(from, to);
    await chmod(to, mode ?? (status.mode & 0o100 ? 0o755 : 0o644));
  }
}

function toMib(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 1024 / 1024);
}

import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeExec } from "../../core/node/exec.ts";
import { planTree } from "../../image/debian-tree.ts";
import { readHostApt } from "../../image/host-apt.ts";
import { parseDefinitions } from "../../image/plan.ts";
import type { Step } from "../../image/step.ts";
import { runSteps } from "../../image/step-runner.ts";

const PROJECT = join(import.meta.dirname, "../..");
const TREE = "peers";
const IN_TREE = join(PROJECT, "image/in-tools.sh");

/** A place that programs run in: this machine, or a tree of Debian packages on it. */
export interface Place {
  /** The command that runs `command` there. Paths in `folder` are below /work in a tree. */
  readonly within: (folder: string, command: readonly string[]) => readonly string[];
  readonly pathIn: (folder: string, path: string) => string;
  /** Arguments for dpkg-query(1) to look there. */
  readonly dpkgArgs: readonly string[];
}

export const THIS_MACHINE: Place = {
  within: (_, command) => command,
  pathIn: (folder, path) => join(folder, path),
  dpkgArgs: [],
};

/** The tree with the peers, made of the same packages on every machine; it is made only when it isn't there as listed. */
export async function makePeerTree(cache: string, say: (line: string) => void, signal: AbortSignal): Promise<Place> {
  const tree = join(cache, TREE);
  const packages = parseDefinitions(await readFile(join(import.meta.dirname, "peer-packages.txt"), "utf8"));
  await mkdir(cache, { recursive: true });
  const step: Step = {
    name: "peers",
    does: "make the tree of the peers",
    after: [],
    inputs: [],
    outputs: [tree],
    ...planTree(await readHostApt(process.env.CEPA_MIRROR, nodeExec, signal), packages, tree),
  };
  const ports = {
    exec: nodeExec,
    monotonicMs: () => performance.now(),
    report: ({ name }: { readonly name: string }) => say(`the tree of the peers: ${name}`),
  };
  const paths = { inToolsScript: IN_TREE, tools: tree, work: cache, places: [] };
  await runSteps([step], paths, new Map(), 0, ports, signal);
  return placeOf(tree);
}

/** The tree that `makePeerTree` has made. */
export function peerTree(cache: string): Place {
  return placeOf(join(cache, TREE));
}

function placeOf(tree: string): Place {
  return {
    within: (folder, command) => ["sh", IN_TREE, tree, folder, ...command],
    pathIn: (_, path) => join("/work", path),
    dpkgArgs: [`--admindir=${tree}/var/lib/dpkg`],
  };
}

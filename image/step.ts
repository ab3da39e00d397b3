/**
 * A plan is a list of steps, each a list of actions; nothing is done until a runner takes it. Paths are absolute on the
 * host, but for what an action runs inside the tools tree.
 */
export interface Step {
  readonly name: string;
  /** For people, in the present: "make the root file system". */
  readonly does: string;
  /** Names of the steps whose output this one reads; when one of them ran again, so does this. */
  readonly after: readonly string[];
  /** Files and folders that this step reads; it runs again when the content of one changes. */
  readonly inputs: readonly string[];
  /** Made anew by this step: removed before, and all there after. */
  readonly outputs: readonly string[];
  readonly actions: readonly Action[];
  /** Not part of what decides if the step runs again: the mirror that packages come from, say. */
  readonly ignored?: readonly string[];
}

export type Action =
  /** Runs a program; `tools` inside the tools tree, where the work folder is /work. */
  | {
      readonly kind: "run";
      readonly where: "host" | "tools";
      readonly program: string;
      readonly args: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      /** Standard output is written to this file. */
      readonly outputTo?: string;
    }
  | { readonly kind: "makeFolder"; readonly path: string }
  | { readonly kind: "write"; readonly path: string; readonly text: string; readonly mode?: number }
  /** A file, or what is in a folder, owned by root; modes become 0755 and 0644. */
  | { readonly kind: "lay"; readonly from: string; readonly to: string; readonly mode?: number }
  /** A tree as it is, with owners and modes. */
  | { readonly kind: "copyTree"; readonly from: string; readonly to: string }
  /** Removes what matches `globs` below `folder`. */
  | { readonly kind: "prune"; readonly folder: string; readonly globs: readonly string[] }
  /** Removes kernel modules, programs or libraries of a tree that are neither named nor needed; what is missing is an error. */
  | {
      readonly kind: "keepModules" | "keepPrograms" | "keepLibraries";
      readonly tree: string;
      readonly names: readonly string[];
    }
  /** Fails, with words, when something in the tree starts or loads what isn't there. */
  | { readonly kind: "checkTree"; readonly tree: string }
  /** Fails, with words, when the file is larger than its place. */
  | { readonly kind: "checkFits"; readonly path: string; readonly sizeBytes: number; readonly place: string }
  | { readonly kind: "move"; readonly from: string; readonly to: string };

export function renderAction(action: Action): string {
  switch (action.kind) {
    case "run":
      return `${action.where === "tools" ? "(tools) " : ""}${action.program} ${action.args.join(" ")}`;
    case "makeFolder":
      return `make ${action.path}/`;
    case "write":
      return `write ${action.path} (${action.text.length} characters)`;
    case "lay":
    case "copyTree":
    case "move":
      return `${action.kind === "move" ? "move" : "copy"} ${action.from} to ${action.to}`;
    case "prune":
      return `remove ${action.globs.length} patterns from ${action.folder}`;
    case "keepModules":
    case "keepPrograms":
    case "keepLibraries":
      return `keep ${action.names.length} ${action.kind.slice(4).toLowerCase()}, and what they need, in ${action.tree}`;
    case "checkTree":
      return `check that ${action.tree} has what it starts and loads`;
    case "checkFits":
      return `check that ${action.path} fits into ${action.place} (${action.sizeBytes} octets)`;
  }
}

/** Runs a program of the tools tree. */
export function inTools(program: string, args: readonly string[]): Extract<Action, { kind: "run" }> {
  return { kind: "run", where: "tools", program, args };
}

export function inShell(script: string): Action {
  return inTools("sh", ["-euc", script]);
}

export function copyFile(from: string, to: string): Action {
  return { kind: "lay", from, to };
}

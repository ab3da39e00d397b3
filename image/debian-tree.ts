import { aptLinesOf, type Mirror } from "./mirror.ts";
import type { Step } from "./step.ts";

const SUITE = "trixie";

export interface AptSettings {
  readonly mirror: Mirror;
  /** apt.conf(5) lines of the host that matter here. */
  readonly options: readonly string[];
}

/**
 * Makes a tree of Debian packages: mmdebstrap without documentation and translations. The mirror does not decide whether the
 * step runs again.
 */
export function planTree(
  apt: AptSettings,
  packages: readonly string[],
  target: string,
): Pick<Step, "actions"> & { readonly ignored: readonly string[] } {
  const aptLines = aptLinesOf(apt.mirror, SUITE);
  const aptOptions = apt.options.map((line) => `--aptopt=${line}`);
  return {
    ignored: [...aptLines, ...aptOptions],
    actions: [
      {
        kind: "run",
        where: "host",
        program: "mmdebstrap",
        args: [
          "--mode=root",
          "--variant=essential",
          "--format=directory",
          '--aptopt=Acquire::Languages "none"',
          ...aptOptions,
          ...["doc", "man", "info", "locale", "bug", "lintian"].map(
            (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
          ),
          `--include=${packages.join(",")}`,
          SUITE,
          target,
          ...aptLines,
        ],
        // No initramfs of Debian's is made: ours is.
        env: { INITRD: "No" },
      },
    ],
  };
}

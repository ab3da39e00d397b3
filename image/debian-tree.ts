import { aptLinesOf, type Mirror } from "./mirror.ts";
import type { Step } from "./step.ts";

export const SUITE = "trixie";
const ARCHIVES = "/var/cache/apt/archives";

export interface AptSettings {
  readonly mirror: Mirror;
  /** apt.conf(5) lines of the host that matter here. */
  readonly options: readonly string[];
}

/**
 * Makes a tree of Debian packages: mmdebstrap without documentation and translations. The mirror does not decide whether the
 * step runs again. With `kept`, packages are taken from that folder where it has them, and left there. With `locked`, they come from the
 * index below that folder alone. With `keepsCopyright`, /usr/share/doc has each package's copyright file.
 */
export function planTree(
  apt: AptSettings,
  packages: readonly string[],
  target: string,
  {
    kept,
    components,
    locked,
    keepsCopyright = false,
  }: {
    readonly kept?: string;
    readonly components?: string;
    readonly keepsCopyright?: boolean;
    readonly locked?: { readonly folder: string; readonly index: string };
  } = {},
): Pick<Step, "actions"> & { readonly ignored: readonly string[] } {
  const aptLines =
    locked === undefined
      ? aptLinesOf(apt.mirror, SUITE, components)
      : [`deb [trusted=yes] copy://${encodeURI(locked.folder)} ${locked.index}`]; // each file's hash is in that index, and so in the lock
  const aptOptions = apt.options.map((line) => `--aptopt=${line}`);
  return {
    ignored: [...(locked === undefined ? aptLines : []), ...aptOptions],
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
          ...["man", "info", "locale", "bug", "lintian"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
          // A package's folder may be a link to another's.
          ...(keepsCopyright
            ? ["--dpkgopt=path-exclude=/usr/share/doc/*/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright"]
            : ["--dpkgopt=path-exclude=/usr/share/doc/*"]),
          ...(kept === undefined ? [] : keepArgs(kept)),
          ...(locked === undefined ? [] : ['--aptopt=APT::Sandbox::User "root"']), // who reads what lies in root's folders
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

/** apt holds what it finds in its archives against the hashes of the mirror's signed list. */
function keepArgs(kept: string): readonly string[] {
  return [
    "--skip=essential/unlink",
    `--setup-hook=mkdir -p "$1${ARCHIVES}" '${kept}' && find '${kept}' -name '*.deb' -exec cp -t "$1${ARCHIVES}" {} +`,
    `--customize-hook=find "$1${ARCHIVES}" -name '*.deb' -exec cp -u -t '${kept}' {} +`,
  ];
}

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { nodeClock } from "../core/node/clock.ts";
import { nodeExec } from "../core/node/exec.ts";
import { LEAST_VERSION } from "../core/version.ts";
import { lockImage } from "../image/build.ts";
import { withBuildLock } from "../image/build-lock.ts";
import { workPathsOf } from "../image/image-inputs.ts";
import { renderPackageLock } from "../image/package-lock/lock-file.ts";
import { findProfile, PROFILES } from "../image/profile.ts";
import { findCheckout } from "./checkout.ts";
import { runParsed, UsageError } from "./command-line.ts";
import { reportImageStep, reportWaiting } from "./image-report.ts";

const USAGE = `usage: cepa image lock [--profile NAME]

Makes the trees of packages as \`cepa image build\` does, and writes what they are made of, with the hash of each file, into
image/locks/PROFILE.json, for \`cepa image build --locked\`. To lock what the mirror has now, delete .cache/image/tools and
.cache/image/PROFILE first. The files themselves are in .cache/image/packages: keep them where images are released.

  --profile NAME  ${PROFILES.map(({ name }) => name).join(", ")} (default: qemu)

CEPA_MIRROR names a Debian mirror; without it, the one of this machine's apt is used.
`;

/** `cepa image lock …`; returns the exit status. */
export function runImageLockCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  return runParsed(USAGE, args, { profile: { type: "string" } }, async (values, positionals) => {
    if (positionals.length > 0) throw new UsageError(`cepa image lock: expected no ${positionals[0]}`);
    const profile = findProfile(values.profile ?? "qemu");
    if (profile === undefined)
      throw new UsageError(
        `cepa image lock: no profile ${values.profile}; there are ${PROFILES.map(({ name }) => name).join(", ")}`,
      );
    if (process.getuid?.() !== 0)
      throw new Error("cepa image lock makes file systems of root's files: run it as root, or with sudo");
    const project = await findCheckout();
    const paths = { project, cache: `${project}/.cache/image`, dist: `${project}/dist` };
    const { version } = JSON.parse(await readFile(`${project}/package.json`, "utf8")) as { version: string };
    const build = {
      profile,
      version,
      paths,
      isLocked: false,
      isCompressed: false,
      minimumVersion: LEAST_VERSION,
      mirrorUrl: process.env.CEPA_MIRROR,
      keysFolder: undefined,
      epochS: undefined,
    };
    process.umask(0o022);
    const ports = { exec: nodeExec, clock: nodeClock, report: reportImageStep };
    const lock = await withBuildLock(`${paths.cache}/lock`, nodeClock, reportWaiting, signal, () =>
      lockImage(build, ports, signal),
    );
    const { packageLock } = workPathsOf(paths, profile);
    await mkdir(dirname(packageLock), { recursive: true });
    await writeFile(`${packageLock}.new`, renderPackageLock(lock));
    await rename(`${packageLock}.new`, packageLock);
    process.stdout.write(
      `image: locked ${lock.tools.length} packages of the tools and ${lock.root.length} of the root in ${packageLock}\n`,
    );
    return 0;
  });
}

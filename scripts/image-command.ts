import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError } from "../core/checked-json.ts";
import { nodeClock } from "../core/node/clock.ts";
import { nodeExec } from "../core/node/exec.ts";
import { compareVersions, isVersion, LEAST_VERSION, VERSION_WORDS } from "../core/version.ts";
import { type BuildOptions, buildImage, planImage } from "../image/build.ts";
import { withBuildLock } from "../image/build-lock.ts";
import { findProfile, type ImageProfile, PROFILES } from "../image/profile.ts";
import { SecureBootKeysError } from "../image/secure-boot-keys.ts";
import { renderAction, type Step } from "../image/step.ts";
import { ImageError } from "../image/step-runner.ts";
import { VendorKeysError } from "../image/vendor-keys.ts";
import { findCheckout } from "./checkout.ts";
import { type ParsedValues, runParsed, UsageError } from "./command-line.ts";
import { runImageCvesCommand } from "./image-cves-command.ts";
import { runImageKeysCommand } from "./image-keys-command.ts";
import { runImageLockCommand } from "./image-lock-command.ts";
import { reportImageStep, reportWaiting } from "./image-report.ts";

const USAGE = `usage: cepa image build [--profile NAME] [--keys FOLDER] [--image-version VERSION] [--minimum-version VERSION] [--dry-run] [--json]
       cepa image lock [--profile NAME]
       cepa image cves FILE [--profile NAME] [--json]
       cepa image keys FOLDER [--owner NAME] [--db URI] [--next-db | --use-next-db [--dry-run]]

build makes the disk image of a sensor, and with keys the set that \`cepa update publish\` takes: dist/cepa-PROFILE-VERSION.update.

  --profile NAME  ${PROFILES.map(({ name }) => name).join(", ")} (default: qemu)
  --keys FOLDER   sign for Secure Boot, and for updates, with the keys there; without it nothing is signed, and the box takes no updates
  --image-version VERSION    of the image (default: that of this checkout)
  --minimum-version VERSION  boxes that have seen this update take none below, whoever signed it; with --keys (default: none)
  --compress      leave dist/cepa-PROFILE.raw.zst too, for handing on; \`cepa flash\` takes either
  --locked        take the packages that image/locks/PROFILE.json names, and fail when one isn't to be had or has another hash
  --dry-run       print the steps and do nothing
  --json          print the manifest, or with --dry-run the plan, as JSON

lock makes the packages' trees as build does, and writes what they are made of into image/locks/PROFILE.json.

cves says which known flaws its packages have, given the data of Debian's security tracker.

keys makes the keys that boxes trust; \`cepa image keys --help\` says more.

CEPA_MIRROR names a Debian mirror; without it, the one of this machine's apt is used. SOURCE_DATE_EPOCH dates the image.
`;

const OPTIONS = {
  profile: { type: "string", default: "qemu" },
  keys: { type: "string" },
  "image-version": { type: "string" },
  "minimum-version": { type: "string" },
  compress: { type: "boolean", default: false },
  locked: { type: "boolean", default: false },
  "dry-run": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

/** `cepa image …`; returns the exit status: 0 done, 1 failed, 2 not understood. */
export async function runImageCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  if (args[0] === "keys") return runImageKeysCommand(args.slice(1), signal);
  if (args[0] === "cves") return runImageCvesCommand(args.slice(1));
  if (args[0] === "lock") return runImageLockCommand(args.slice(1), signal);
  return runParsed(USAGE, args, OPTIONS, async (values, positionals) =>
    build(readOptions(values, positionals), signal),
  );
}

async function build(options: Options, signal: AbortSignal): Promise<number> {
  const { profile } = options;
  const startedMs = nodeClock.monotonicMs();
  try {
    const project = await findCheckout();
    const { version } = JSON.parse(await readFile(`${project}/package.json`, "utf8")) as { version: string };
    const { imageVersion = version, minimumVersion = LEAST_VERSION } = options;
    if (compareVersions(minimumVersion, imageVersion) > 0)
      throw new UsageError(
        `cepa image: --minimum-version ${minimumVersion} is above the image's own version, ${imageVersion}: no box would take it`,
      );
    const order: BuildOptions = {
      profile,
      version: imageVersion,
      isCompressed: options.compress,
      isLocked: options.locked,
      minimumVersion,
      paths: { project, cache: `${project}/.cache/image`, dist: `${project}/dist` },
      mirrorUrl: process.env.CEPA_MIRROR,
      keysFolder: options.keys === undefined ? undefined : resolve(options.keys),
      epochS: readEpochS(process.env.SOURCE_DATE_EPOCH),
    };
    const ports = { exec: nodeExec, clock: nodeClock, report: reportImageStep };
    if (options.dryRun) {
      const steps = await planImage(order, ports, signal);
      process.stdout.write(options.json ? `${JSON.stringify(steps, undefined, 2)}\n` : renderPlan(steps));
      return 0;
    }
    if (process.getuid?.() !== 0) {
      process.stderr.write("cepa image build makes file systems of root's files: run it as root, or with sudo\n");
      return 1;
    }
    process.umask(0o022); // modes of what is made are part of the image
    const manifest = await withBuildLock(`${order.paths.cache}/lock`, nodeClock, reportWaiting, signal, () =>
      buildImage(order, ports, signal),
    );
    if (options.json) process.stdout.write(`${JSON.stringify(manifest, undefined, 2)}\n`);
    else {
      const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
      const seconds = ((nodeClock.monotonicMs() - startedMs) / 1000).toFixed(1);
      const { rootBytes, verityBytes, ukiBytes, compressedBytes, largest } = manifest;
      process.stdout.write(
        `image: dist/cepa-${profile.name}.raw, version ${manifest.version}, root hash ${manifest.rootHash.slice(0, 16)}…, ${seconds} s\n` +
          `image: root ${megabytes(rootBytes)} MB, hash tree ${megabytes(verityBytes)} MB, kernel with initrd ` +
          `${megabytes(ukiBytes)} MB, together ${megabytes(rootBytes + verityBytes + ukiBytes)} MB\n` +
          (compressedBytes === undefined
            ? ""
            : `image: dist/cepa-${profile.name}.raw.zst, ${megabytes(compressedBytes)} MB\n`) +
          `image: largest before compression: ${largest
            .slice(0, 5)
            .map(({ path, sizeBytes }) => `${path} ${megabytes(sizeBytes)} MB`)
            .join(", ")}; more in dist/cepa-${profile.name}.manifest.json\n`,
      );
    }
    return 0;
  } catch (error) {
    if (signal.aborted || error instanceof UsageError) throw error;
    process.stderr.write(`cepa image: ${error instanceof Error ? error.message : String(error)}\n`);
    if (
      !(
        error instanceof ImageError ||
        error instanceof SecureBootKeysError ||
        error instanceof VendorKeysError ||
        error instanceof ConfigError
      ) &&
      error instanceof Error &&
      error.stack !== undefined
    )
      process.stderr.write(`${error.stack}\n`);
    return 1;
  }
}

interface Options {
  readonly profile: ImageProfile;
  readonly keys: string | undefined;
  readonly imageVersion: string | undefined;
  readonly minimumVersion: string | undefined;
  readonly compress: boolean;
  readonly locked: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

function readOptions(values: ParsedValues<typeof OPTIONS>, [command, ...more]: readonly string[]): Options {
  if (command === undefined) throw new UsageError("cepa image: no command");
  if (command !== "build") throw new UsageError(`cepa image: no command ${JSON.stringify(command)}`);
  if (more.length > 0) throw new UsageError(`cepa image build: unexpected ${JSON.stringify(more[0])}`);
  const profile = findProfile(values.profile);
  if (profile === undefined)
    throw new UsageError(
      `cepa image: no profile ${values.profile}; there are ${PROFILES.map(({ name }) => name).join(", ")}`,
    );
  for (const name of ["image-version", "minimum-version"] as const) {
    const given = values[name];
    if (given !== undefined && !isVersion(given))
      throw new UsageError(`cepa image: --${name}: expected ${VERSION_WORDS}, found ${JSON.stringify(given)}`);
  }
  if (values["minimum-version"] !== undefined && values.keys === undefined)
    throw new UsageError("cepa image: --minimum-version is of the update's set, which only a build with --keys makes");
  return {
    profile,
    keys: values.keys,
    imageVersion: values["image-version"],
    minimumVersion: values["minimum-version"],
    compress: values.compress,
    locked: values.locked,
    dryRun: values["dry-run"],
    json: values.json,
  };
}

function readEpochS(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,11}$/.test(text) ? Number(text) : undefined;
}

function renderPlan(steps: readonly Step[]): string {
  return steps
    .map(({ name, does, actions }) => `${name}: ${does}\n${actions.map((a) => `  ${renderAction(a)}\n`).join("")}`)
    .join("");
}

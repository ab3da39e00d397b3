import { access, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import type { Clock, Exec } from "../core/ports.ts";
import { SUITE } from "./debian-tree.ts";
import { readHostApt } from "./host-apt.ts";
import { type ImageInputs, type ImagePaths, workPathsOf } from "./image-inputs.ts";
import { parseLicenceNames } from "./licences/declared-licence.ts";
import { readLicences } from "./licences/read-licences.ts";
import { type ImageManifest, PACKAGE_FORMAT, parsePackages } from "./manifest.ts";
import { parsePcr11, pcr11FileOf } from "./measure.ts";
import { holdLockedPackages } from "./package-lock/kept-packages.ts";
import { missingFrom, type PackageLock, parsePackageLock } from "./package-lock/lock-file.ts";
import { lockPackages } from "./package-lock/make-lock.ts";
import { parseDefinitions, planCompression, planDisk, planRoot } from "./plan.ts";
import type { ImageProfile } from "./profile.ts";
import { type BundledPackage, renderSbom } from "./sbom.ts";
import { readSecureBootKeys } from "./secure-boot-keys.ts";
import type { Step } from "./step.ts";
import { ImageError, runSteps, type StepEvent, type StepRunnerPaths, type StepRunnerPorts } from "./step-runner.ts";
import { largestFiles } from "./tree/sizes.ts";
import { planUpdateSet } from "./update-set.ts";

export interface BuildOptions {
  readonly profile: ImageProfile;
  readonly version: string;
  readonly paths: ImagePaths;
  /** Base URL of a Debian mirror; the host's own is looked up when undefined. */
  readonly mirrorUrl: string | undefined;
  /** Folder of Secure Boot keys; unsigned without. */
  readonly keysFolder: string | undefined;
  /** Takes the packages of the profile's lock alone. */
  readonly isLocked: boolean;
  /** Makes the disk under zstd, too. */
  readonly isCompressed: boolean;
  /** Boxes that have seen this version's update take none below. */
  readonly minimumVersion: string;
  /** SOURCE_DATE_EPOCH, when given. */
  readonly epochS: number | undefined;
}

export interface BuildPorts {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly report: (event: StepEvent) => void;
}

/** So many are named in the manifest. */
const LARGEST_FILES = 40;

/** Stand for the root hash and for sizes in a plan that is only shown. */
const UNKNOWN_ROOT_HASH = "0".repeat(64);
const UNKNOWN_SIZES = { efiBytes: 0, rootBytes: 0, verityBytes: 0, loaderBytes: 0 };

/** What buildImage would do, in order. */
export async function planImage(
  options: BuildOptions,
  ports: BuildPorts,
  signal: AbortSignal,
): Promise<readonly Step[]> {
  const inputs = await readInputs({ ...options, epochS: options.epochS ?? 0 }, ports, signal);
  if (options.isLocked) await readLock(inputs);
  const { minimumVersion } = options;
  const update = { minimumVersion, rootHash: UNKNOWN_ROOT_HASH, sizes: UNKNOWN_SIZES };
  return [
    ...planRoot(inputs),
    ...planDisk(inputs, UNKNOWN_ROOT_HASH),
    ...planUpdateSet(inputs, update),
    ...(options.isCompressed ? planCompression(inputs) : []),
  ];
}

/** Builds the image, doing only what is needed. Throws an ImageError. */
export async function buildImage(
  options: BuildOptions,
  ports: BuildPorts,
  signal: AbortSignal,
): Promise<ImageManifest> {
  const { paths, profile } = options;
  for (const [path, maker] of [
    [`${paths.dist}/cepa-sensor`, "make sensor"],
    [`${paths.dist}/native`, "make sensor"],
    [`${paths.dist}/cepa-sensor.packages.json`, "make sensor"],
  ] as const)
    await access(path).catch(() => {
      throw new ImageError("missingInput", `${path} is missing: run \`${maker}\` first`);
    });
  const inputs = await readInputs(options, ports, signal);
  const work = workPathsOf(paths, profile);
  if (options.isLocked) await holdLock(inputs, ports, signal);
  await mkdir(work.work, { recursive: true });
  await mkdir(paths.dist, { recursive: true });
  const runnerPaths = runnerPathsOf(inputs);
  const runnerPorts = runnerPortsOf(ports);
  const stamps = new Map<string, string>();
  await runSteps(planRoot(inputs), runnerPaths, stamps, inputs.epochS, runnerPorts, signal);
  const rootHash = (await readFile(work.rootHash, "utf8")).trim();
  await runSteps(planDisk(inputs, rootHash), runnerPaths, stamps, inputs.epochS, runnerPorts, signal);
  const sizeOf = async (path: string) => (await stat(path)).size;
  const sizes = {
    efiBytes: await sizeOf(`${work.work}/signed/cepa.efi`),
    rootBytes: await sizeOf(`${work.work}/root.erofs`),
    verityBytes: await sizeOf(`${work.work}/root.verity`),
    loaderBytes: await sizeOf(`${work.work}/signed/systemd-bootx64.efi`),
  };
  const update = planUpdateSet(inputs, { minimumVersion: options.minimumVersion, rootHash, sizes });
  await runSteps(update, runnerPaths, stamps, inputs.epochS, runnerPorts, signal);
  if (options.isCompressed)
    await runSteps(planCompression(inputs), runnerPaths, stamps, inputs.epochS, runnerPorts, signal);
  const manifest: ImageManifest = {
    version: options.version,
    profile: profile.name,
    rootHash,
    pcr11: parsePcr11(await readFile(pcr11FileOf(work.work), "utf8")),
    epochS: inputs.epochS,
    diskBytes: await sizeOf(work.disk),
    ...(options.isCompressed ? { compressedBytes: await sizeOf(work.compressed) } : {}),
    rootBytes: sizes.rootBytes,
    verityBytes: sizes.verityBytes,
    ukiBytes: await sizeOf(`${work.work}/cepa.efi`),
    initrdBytes: await sizeOf(`${work.work}/initrd.zst`),
    partitions: profile.sizes,
    largest: await largestFiles(`${work.work}/system`, LARGEST_FILES),
    packages: parsePackages(await readFile(work.packages, "utf8")),
  };
  await writeFile(work.manifest, `${JSON.stringify(manifest, undefined, 2)}\n`);
  const bundled = JSON.parse(await readFile(`${paths.dist}/cepa-sensor.packages.json`, "utf8")) as BundledPackage[];
  const names = parseDefinitions(await readFile(`${paths.project}/image/definitions/licences.txt`, "utf8"));
  const licences = await readLicences(work.copyright, manifest.packages, parseLicenceNames(names));
  await writeFile(work.sbom, `${JSON.stringify(renderSbom(manifest, bundled, licences), undefined, 2)}\n`);
  return manifest;
}

/** Makes the trees as a build does, and locks what they are made of: the text of a lock. Throws an ImageError. */
export async function lockImage(options: BuildOptions, ports: BuildPorts, signal: AbortSignal): Promise<PackageLock> {
  const inputs = await readInputs({ ...options, isLocked: false }, ports, signal);
  const { tools, work, packages, packagesKept } = workPathsOf(options.paths, options.profile);
  await mkdir(work, { recursive: true });
  const trees = planRoot(inputs).filter(({ name }) => name === "tools" || name === "root");
  await runSteps(trees, runnerPathsOf(inputs), new Map(), inputs.epochS, runnerPortsOf(ports), signal);
  const query = [`--admindir=${tools}/var/lib/dpkg`, "-W", "-f", PACKAGE_FORMAT];
  const { stdout } = await ports.exec("dpkg-query", query, signal);
  return {
    profile: options.profile.name,
    tools: await lockPackages(parsePackages(stdout), packagesKept),
    root: await lockPackages(parsePackages(await readFile(packages, "utf8")), packagesKept),
  };
}

/** Throws an ImageError when there is no lock, or when it lacks what the image needs, or what it names can't be had. */
async function holdLock(inputs: ImageInputs, ports: BuildPorts, signal: AbortSignal): Promise<void> {
  const { packageLock, packagesKept } = workPathsOf(inputs.paths, inputs.profile);
  const lock = await readLock(inputs);
  const found = { apt: inputs.apt, exec: ports.exec };
  await holdLockedPackages(lock, packageLock, packagesKept, SUITE, found, signal);
}

async function readLock({ paths, profile, definitions }: ImageInputs): Promise<PackageLock> {
  const { packageLock } = workPathsOf(paths, profile);
  const text = await readFile(packageLock, "utf8").catch((cause: Error) => {
    const message = `${packageLock}: ${cause.message}; \`cepa image lock --profile ${profile.name}\` makes it`;
    throw new ImageError("missingInput", message, { cause });
  });
  const lock = parsePackageLock(text, packageLock, profile.name);
  const missing = [
    ...missingFrom(lock.tools, definitions.toolsPackages),
    ...missingFrom(lock.root, definitions.rootPackages),
  ];
  if (missing.length > 0)
    throw new ImageError(
      "missingInput",
      `${packageLock} lacks ${missing.join(", ")}, which image/definitions or image/profiles name: ` +
        `\`cepa image lock --profile ${profile.name}\` locks what they name now`,
    );
  return lock;
}

function runnerPathsOf({ paths, profile, keys }: ImageInputs): StepRunnerPaths {
  const { tools, work } = workPathsOf(paths, profile);
  return {
    inToolsScript: `${paths.project}/image/in-tools.sh`,
    tools,
    work,
    places: [paths.project, paths.cache, paths.dist, ...(keys === undefined ? [] : [keys.folder])],
  };
}

function runnerPortsOf(ports: BuildPorts): StepRunnerPorts {
  return { ...ports, monotonicMs: () => ports.clock.monotonicMs() };
}

async function readInputs(options: BuildOptions, ports: BuildPorts, signal: AbortSignal): Promise<ImageInputs> {
  const { profile, version, paths } = options;
  const read = async (path: string) => parseDefinitions(await readFile(`${paths.project}/image/${path}.txt`, "utf8"));
  const list = (name: string) => read(`definitions/${name}`);
  return {
    profile,
    version,
    paths,
    isLocked: options.isLocked,
    apt: await readHostApt(options.mirrorUrl, ports.exec, signal),
    epochS: options.epochS ?? (await readEpoch(workPathsOf(paths, profile).work, ports.clock)),
    keys: options.keysFolder === undefined ? undefined : await readSecureBootKeys(options.keysFolder),
    definitions: {
      toolsPackages: await list("tools-packages"),
      rootPackages: [...(await list("root-packages")), ...(await read(`profiles/${profile.name}/packages`))],
      rootRemoved: await list("root-removed"),
      rootPrograms: await list("root-programs"),
      rootLibraries: await list("root-libraries"),
      rootModules: [
        ...(await list("modules")),
        ...(await list("initrd-modules")),
        ...(await read(`profiles/${profile.name}/modules`)),
      ],
    },
  };
}

/** The time of the first build in this work folder, so that a second build of the same inputs is the same image. */
async function readEpoch(work: string, clock: Clock): Promise<number> {
  const path = `${work}/epoch`;
  const kept = await readFile(path, "utf8").catch(() => undefined);
  if (kept !== undefined && /^\d{9,11}$/.test(kept)) return Number(kept);
  const epochS = Math.floor(clock.nowMs() / 1000);
  await mkdir(work, { recursive: true });
  await writeFile(path, String(epochS));
  return epochS;
}

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { cp, lstat, mkdir, mkdtemp, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nodeExec } from "../core/node/exec.ts";
import { filesBelow } from "../image/tree/walk.ts";

/**
 * Two builds of the image with nothing kept but the packages, in different folders, minutes apart, with another umask, time zone, locale
 * and host name, compared octet by octet: what is signed is compared unsigned. Says where the first difference lies; exit status 1.
 */
const PROJECT = join(import.meta.dirname, "..");
const BUILD_TIMEOUT_MS = 3_600_000;
/** Of the work folder: what a disk is made of, before signatures, the last that differs being the least telling. */
const COMPARED = ["vmlinuz", "initrd.zst", "root.erofs", "root.verity", "root.hash", "cepa.efi", "systemd-bootx64.efi"];
const USAGE = `usage: reproduce.ts [--profile NAME] [--keep]

  --profile NAME  (qemu)
  --keep          leave the two builds where they are, and say where
`;

interface Surroundings {
  readonly umask: string;
  readonly zone: string;
  readonly locale: string;
  readonly host: string;
}

const SURROUNDINGS: readonly [Surroundings, Surroundings] = [
  { umask: "022", zone: "UTC", locale: "C.UTF-8", host: "one" },
  { umask: "077", zone: "Pacific/Auckland", locale: "C", host: "another" },
];

async function build(folder: string, profile: string, { umask, zone, locale, host }: Surroundings): Promise<void> {
  const checkout = join(folder, "checkout");
  await mkdir(checkout, { recursive: true });
  for (const name of [
    "image",
    "overlay",
    "package.json",
    "dist/cepa",
    "dist/cepa-sensor",
    "dist/cepa-sensor.packages.json",
    "dist/native",
  ])
    await cp(join(PROJECT, name), join(checkout, name), { recursive: true, verbatimSymlinks: true });
  const packages = join(PROJECT, ".cache/image/packages");
  if ((await lstat(packages).catch(() => undefined)) !== undefined)
    await cp(packages, join(checkout, ".cache/image/packages"), { recursive: true });
  const script = `umask ${umask}; hostname ${host}; exec dist/cepa image build --profile ${profile}`;
  await nodeExec("unshare", ["--uts", "sh", "-euc", script], AbortSignal.timeout(BUILD_TIMEOUT_MS), {
    cwd: checkout,
    env: { TZ: zone, LC_ALL: locale, SOURCE_DATE_EPOCH: "1700000000" },
  });
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** First offset at which two files differ, as cmp(1) says it. */
async function whereFilesDiffer(one: string, other: string): Promise<string> {
  return nodeExec("cmp", [one, other], AbortSignal.timeout(60_000)).then(
    () => "equal",
    (error: { stdout?: string; message: string }) => (error.stdout ?? error.message).trim().replace(/^.*differ: /, ""),
  );
}

/** Lines, one for each file of two trees that differs in content, mode, link target, or is in one only. */
async function whereTreesDiffer(one: string, other: string): Promise<readonly string[]> {
  const describe = async (tree: string) => {
    const described = new Map<string, string>();
    for (const { path, isFile, isLink, mode } of await filesBelow(tree)) {
      const content = isFile ? await hashOf(join(tree, path)) : isLink ? await readlink(join(tree, path)) : "";
      described.set(path, `${mode.toString(8)} ${content}`);
    }
    return described;
  };
  const [first, second] = [await describe(one), await describe(other)];
  const lines: string[] = [];
  for (const path of [...new Set([...first.keys(), ...second.keys()])].sort()) {
    const [a, b] = [first.get(path), second.get(path)];
    if (a === b) continue;
    if (a === undefined || b === undefined) lines.push(`${path}: only in the ${a === undefined ? "second" : "first"}`);
    else if (a.split(" ")[0] !== b.split(" ")[0]) lines.push(`${path}: modes ${a.split(" ")[0]}, ${b.split(" ")[0]}`);
    else lines.push(`${path}: ${await whereFilesDiffer(join(one, path), join(other, path))}`);
  }
  return lines;
}

async function run(profile: string, keeps: boolean): Promise<number> {
  await mkdir(join(PROJECT, ".cache"), { recursive: true });
  const folder = await mkdtemp(join(PROJECT, ".cache/reproduce-"));
  const folders = [join(folder, "one"), join(folder, "a-second-one-with-a-longer-name")] as const;
  try {
    for (const [index, at] of folders.entries()) {
      process.stderr.write(`reproduce: build ${index + 1} of 2\n`);
      await build(at, profile, SURROUNDINGS[index === 0 ? 0 : 1]);
    }
    const [one, other] = folders.map((at) => join(at, "checkout/.cache/image", profile)) as [string, string];
    let differing = 0;
    const disk = `cepa-${profile}.raw`;
    const pairs: [string, string, string][] = [
      ...COMPARED.map((name): [string, string, string] => [name, join(one, name), join(other, name)]),
      [disk, join(folders[0], "checkout/dist", disk), join(folders[1], "checkout/dist", disk)],
    ];
    for (const [name, first, second] of pairs) {
      const hash = await hashOf(first);
      const isEqual = hash === (await hashOf(second));
      if (!isEqual) differing++;
      process.stdout.write(
        `${name}: ${isEqual ? `the same, sha256 ${hash.slice(0, 16)}…` : await whereFilesDiffer(first, second)}\n`,
      );
    }
    if (differing > 0)
      for (const line of (await whereTreesDiffer(join(one, "system"), join(other, "system"))).slice(0, 40))
        process.stdout.write(`  ${line}\n`);
    const { version } = JSON.parse(await readFile(join(PROJECT, "package.json"), "utf8")) as { version: string };
    process.stdout.write(
      differing === 0
        ? `reproduce: ${profile} ${version} is the same octet for octet, without signatures\n`
        : `reproduce: ${differing} of ${pairs.length} files differ\n`,
    );
    return differing === 0 ? 0 : 1;
  } finally {
    if (keeps) process.stderr.write(`reproduce: the builds are in ${folder}\n`);
    else await rm(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    profile: { type: "string", default: "qemu" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else process.exitCode = await run(values.profile, values.keep);

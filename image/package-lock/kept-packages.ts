import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { type Exec, ExecError } from "../../core/ports.ts";
import type { AptSettings } from "../debian-tree.ts";
import { ImageError } from "../step-runner.ts";
import { type IndexedPackage, renderPackagesIndex, renderRelease } from "./apt-index.ts";
import { keptNameOf, LOCKED_TREES, type LockedPackage, type LockedTree, type PackageLock } from "./lock-file.ts";

const APT_HELPER = "/usr/lib/apt/apt-helper";
/** So many are named in a message. */
const NAMED_MAX = 20;

/** Below the folder of kept packages: what apt reads in place of a mirror. */
export function lockedIndexOf(tree: LockedTree): string {
  return `locked-${tree}/`;
}

/**
 * Sees to it that `folder` holds each .deb of the lock, with its hash, and writes an index for apt of each tree's. What isn't kept is
 * fetched; what the mirror no longer has is named in an ImageError, and so is a file with another hash.
 */
export async function holdLockedPackages(
  lock: PackageLock,
  lockPath: string,
  folder: string,
  suite: string,
  { apt, exec }: { readonly apt: AptSettings; readonly exec: Exec },
  signal: AbortSignal,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const missing: string[] = [];
  for (const one of new Map(
    [...lock.tools, ...lock.root].map((item) => [`${item.file} ${item.sha256}`, item]),
  ).values()) {
    signal.throwIfAborted();
    const path = `${folder}/${keptNameOf(one)}`;
    const hash = await hashOf(path);
    if (hash === one.sha256) continue;
    if (hash !== undefined)
      throw new ImageError(
        "wrongHash",
        `${path} has sha256 ${hash}, and ${lockPath} says ${one.sha256}: it is not the package that was locked. Delete it to fetch it anew`,
      );
    const reason = await fetchPackage(one, path, apt, exec, signal);
    if (reason !== undefined) missing.push(`${one.name} ${one.version} (${reason})`);
  }
  if (missing.length > 0) {
    const more = missing.length > NAMED_MAX ? `, and ${missing.length - NAMED_MAX} more` : "";
    throw new ImageError(
      "goneFromMirror",
      `${lockPath}: of its packages, ${missing.length} can neither be found in ${folder} nor be had from the mirror: ` +
        `${missing.slice(0, NAMED_MAX).join(", ")}${more}. Put their files there, or lock what the mirror has: cepa image lock --profile ${lock.profile}`,
    );
  }
  for (const tree of LOCKED_TREES) await writeIndex(lock[tree], folder, lockedIndexOf(tree), suite, exec, signal);
}

/** undefined when it was fetched, with the hash of the lock; else why not, in words. */
async function fetchPackage(
  one: LockedPackage,
  path: string,
  { mirror, options }: AptSettings,
  exec: Exec,
  signal: AbortSignal,
): Promise<string | undefined> {
  // Security updates lie in a pool of their own until the next point release.
  const urls = [
    `${mirror.debian}${one.file}`,
    ...(mirror.security === undefined ? [] : [`${mirror.security}${one.file.replace(/^pool\//, "pool/updates/")}`]),
  ];
  const reasons = new Set<string>();
  const settings = [...options.map(toOption), "APT::Sandbox::User=root"].flatMap((option) => ["-o", option]);
  for (const url of urls) {
    try {
      await exec(APT_HELPER, [...settings, "download-file", url, `${path}.new`, `SHA256:${one.sha256}`], signal);
      await rename(`${path}.new`, path);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      reasons.add(reasonOf(error));
      for (const rest of [`${path}.new`, `${path}.new.FAILED`]) await rm(rest, { force: true });
    }
  }
  return [...reasons].join("; ");
}

/** `Name "value";` of apt-config's dump as `Name=value` of a command line. */
function toOption(line: string): string {
  return line.replace(/^(\S+) "(.*)";$/, "$1=$2");
}

function reasonOf(error: unknown): string {
  const text = error instanceof ExecError ? `${error.stdout}\n${error.stderr}` : String(error);
  if (/\b404\b/.test(text)) return "gone";
  if (/hash sum mismatch/i.test(text)) return "the mirror's has another hash";
  const line = /^E: (.*)$/m.exec(text)?.[1] ?? text.trim().split("\n").at(-1) ?? "";
  return line.slice(0, 200);
}

async function writeIndex(
  packages: readonly LockedPackage[],
  folder: string,
  index: string,
  suite: string,
  exec: Exec,
  signal: AbortSignal,
): Promise<void> {
  const indexed: IndexedPackage[] = [];
  for (const locked of packages) {
    const fileName = keptNameOf(locked);
    const path = `${folder}/${fileName}`;
    const { stdout: control } = await exec("dpkg-deb", ["--field", path], signal);
    indexed.push({ locked, control, sizeBytes: (await stat(path)).size, fileName });
  }
  const text = renderPackagesIndex(indexed);
  const sha256 = createHash("sha256").update(text).digest("hex");
  await mkdir(`${folder}/${index}`, { recursive: true });
  await writeFile(`${folder}/${index}Packages`, text);
  await writeFile(`${folder}/${index}Release`, renderRelease(suite, { sha256, sizeBytes: Buffer.byteLength(text) }));
}

/** sha256 of a file, in hexadecimal; undefined when there is none. */
export async function hashOf(path: string): Promise<string | undefined> {
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) return undefined;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

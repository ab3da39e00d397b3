import { chmod, mkdir, mkdtemp, readdir, rename, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { UpdateRefusedError } from "../../core/contract/update-refusal.ts";
import { flush, writeFileAtomically } from "../../core/node/atomic-file.ts";
import { readBoundedFile } from "../../core/node/bounded-file.ts";
import { removeBelow } from "../../core/node/remove-below.ts";
import { compareVersions, isVersion } from "../../core/version.ts";
import { type BoxFacts, greaterMinimum, parseFailedVersions, parseMinimum } from "./judge-set.ts";

/** Left free on the state partition: spools and settings are there too. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/**
 * `/state/update`: `incoming/VERSION` while it is downloaded, `stick/` for copies of what a USB stick has, `ready/VERSION` once it is
 * checked, `minimum.json`, and `failed.json`, which the trial writes. All but the last are the downloader's and the importer's.
 */
export interface UpdateFolder {
  readonly folder: string;
  incoming(version: string): string;
  ready(version: string): string;
  /** What is ready and still newer than what runs, the newest first; all else below incoming and ready that is old is removed. */
  tidy(runningVersion: string, keep?: string): Promise<readonly string[]>;
  discard(version: string): Promise<void>;
  discardIncoming(version: string): Promise<void>;
  /** Gives `body` an empty folder for a copy; what it leaves there is removed. */
  withCopyFolder<T>(body: (copy: string) => Promise<T>): Promise<T>;
  /** Renames a checked set from `from` into ready, and flushes that. */
  promote(from: string, version: string): Promise<void>;
  readFacts(version: string, profile: string): Promise<BoxFacts>;
  raiseMinimum(minimumVersion: string): Promise<void>;
  /** Throws an UpdateRefusedError when the partition has no room for so many octets more. */
  checkRoom(neededBytes: number): Promise<void>;
}

export function updateFolder(folder: string): UpdateFolder {
  const incoming = (version: string) => join(folder, "incoming", version);
  const ready = (version: string) => join(folder, "ready", version);
  const textOf = (name: string) => readNote(join(folder, name));
  const namesIn = (name: string) => readdir(join(folder, name)).catch((): string[] => []);
  // the installer does so as root, in a folder of the downloader's
  const remove = (...path: readonly [string, string]) => removeBelow(folder, ...path);
  const self: UpdateFolder = {
    folder,
    incoming,
    ready,
    async tidy(runningVersion, keep) {
      const isNewer = (version: string) =>
        isVersion(version) && (!isVersion(runningVersion) || compareVersions(version, runningVersion) > 0);
      for (const name of await namesIn("incoming"))
        if (!isNewer(name) || (keep !== undefined && name !== keep)) await remove("incoming", name);
      const left: string[] = [];
      for (const name of await namesIn("ready"))
        if (isNewer(name)) left.push(name);
        else await remove("ready", name);
      return left.sort(compareVersions).reverse();
    },
    async discard(version) {
      await remove("incoming", version);
      await remove("ready", version);
    },
    discardIncoming: (version) => remove("incoming", version),
    async withCopyFolder(body) {
      await mkdir(join(folder, "stick"), { recursive: true, mode: 0o755 });
      const copy = await mkdtemp(join(folder, "stick", "copy-"));
      try {
        await chmod(copy, 0o755); // the installer reads it once it is ready
        return await body(copy);
      } finally {
        await remove("stick", basename(copy));
      }
    },
    async promote(from, version) {
      await mkdir(join(folder, "ready"), { recursive: true, mode: 0o755 });
      await flush(from);
      await remove("ready", version);
      await rename(from, ready(version));
      await flush(join(folder, "ready"));
      for (const name of await namesIn("ready")) if (name !== version) await remove("ready", name);
    },
    async readFacts(version, profile) {
      return {
        version,
        profile,
        minimumVersion: parseMinimum(await textOf("minimum.json")),
        failed: parseFailedVersions(await textOf("failed.json"), Date.now()),
      };
    },
    async raiseMinimum(minimumVersion) {
      const before = parseMinimum(await textOf("minimum.json"));
      const after = greaterMinimum(before, minimumVersion);
      if (after === before) return;
      await writeFileAtomically(join(folder, "minimum.json"), `${JSON.stringify({ minimumVersion: after })}\n`, 0o644);
    },
    async checkRoom(neededBytes) {
      const { bavail, bsize } = await statfs(folder);
      const freeBytes = Number(bavail) * Number(bsize);
      if (freeBytes >= neededBytes + RESERVE_BYTES) return;
      const mib = (bytes: number) => Math.ceil(bytes / 1024 / 1024);
      throw new UpdateRefusedError(
        "noRoom",
        `${mib(neededBytes)} MiB more are needed, and ${mib(RESERVE_BYTES)} MiB stay free; there are ${mib(freeBytes)} MiB`,
      );
    },
  };
  return self;
}

const NOTE_MAX_BYTES = 64 * 1024;

/** Of the downloader's folder, whatever it has put there; "" when there is none. */
export async function readNote(path: string): Promise<string> {
  return Buffer.from(await readBoundedFile(path, NOTE_MAX_BYTES).catch(() => new Uint8Array())).toString();
}

import { createHash, createPublicKey, type KeyObject, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { contentBytesOf, SUMS_FILE } from "../../core/contract/update-set.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { verifySet } from "../../core/node/verify-set.ts";
import type { StatePaths } from "../state/paths.ts";
import type { Provider } from "../state/provider.ts";
import {
  addUpdate,
  changeUpdates,
  existsError,
  findUpdate,
  type PublishedUpdate,
  type UpdateChange,
  UpdateError,
} from "./published.ts";

export interface Publication {
  readonly channel: string;
  readonly percent: number;
  readonly who: string;
  readonly nowMs: number;
}

/**
 * Checks the set in `folder` as a box would, copies it into base's state, and offers it. Throws an UpdateRefusedError for a set that no box
 * would take, an UpdateError for one that is here or when base has no key.
 */
export async function publishUpdate(
  provider: Provider,
  folder: string,
  { channel, percent, who, nowMs }: Publication,
  signal: AbortSignal,
): Promise<PublishedUpdate> {
  const { database, paths, audit } = provider;
  const key = await readUpdateKey(paths);
  const copy = join(paths.updatesFolder, `new-${randomUUID()}`);
  await mkdir(copy, { recursive: true, mode: 0o700 });
  try {
    const { description } = await verifySet(
      folder,
      key,
      {
        copyTo: copy,
        judge({ profile, version }) {
          const there = findUpdate(database, profile, version);
          if (there !== undefined) throw existsError(there); // before 200 MiB are copied
        },
      },
      signal,
    );
    const { profile, version, minimumVersion, roothash: rootHash } = description;
    const update: PublishedUpdate = {
      ...{ profile, version, channel, percent, state: "offered", minimumVersion, rootHash },
      sumsHash: createHash("sha256")
        .update(await readFile(join(copy, SUMS_FILE)))
        .digest("hex"),
      sizeBytes: contentBytesOf(description),
      publishedAtMs: nowMs,
    };
    const place = setFolder(paths, profile, version);
    await mkdir(dirname(place), { recursive: true, mode: 0o700 });
    const sameTime = findUpdate(database, profile, version);
    if (sameTime !== undefined) throw existsError(sameTime);
    await rm(place, { recursive: true, force: true }); // of one that was cut off before it was known
    await rename(copy, place);
    audit.appendWith(
      () => addUpdate(database, update),
      () => ({ atMs: nowMs, who, action: "updatePublish", detail: { ...update } }),
    );
    return update;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/**
 * Not offered to anybody from now on, and every download under way ends; `percent` goes on. What a box has whole stays there. Throws an
 * UpdateError.
 */
export function stopUpdate(provider: Provider, version: string, profile: string | undefined, by: Operator) {
  return change(provider, "updateStop", version, profile, { state: "stopped" }, by);
}

/** Offered to so many sensors of its channel, also when it was stopped. Throws an UpdateError. */
export function spreadUpdate(
  provider: Provider,
  version: string,
  profile: string | undefined,
  percent: number,
  by: Operator,
) {
  return change(provider, "updatePercent", version, profile, { state: "offered", percent }, by);
}

/** For good: its files go, and boxes that have it whole and wait to install it throw it away when they ask next. Throws an UpdateError. */
export async function withdrawUpdate(
  provider: Provider,
  version: string,
  profile: string | undefined,
  by: Operator,
): Promise<readonly PublishedUpdate[]> {
  const withdrawn = change(provider, "updateWithdraw", version, profile, { state: "withdrawn", percent: 0 }, by);
  for (const update of withdrawn)
    await rm(setFolder(provider.paths, update.profile, update.version), { recursive: true, force: true });
  return withdrawn;
}

function change(
  { database, audit }: Provider,
  action: string,
  version: string,
  profile: string | undefined,
  to: UpdateChange,
  { who, nowMs }: Operator,
): readonly PublishedUpdate[] {
  return audit.appendWith(
    () => changeUpdates(database, version, profile, to),
    (changed) => {
      const profiles = changed.map((update) => update.profile);
      const percent = to.state === "offered" ? { percent: to.percent } : {};
      return { atMs: nowMs, who, action, detail: { version, ...percent, profiles } };
    },
  );
}

export interface Operator {
  readonly who: string;
  readonly nowMs: number;
}

/** The key that updates must be signed with from now on, and the one that they must be until then; SHA-256 of each. */
export interface KeyChange {
  readonly key: KeyObject;
  readonly sha256: string;
  /** null: there is none. */
  readonly replaces: string | null;
}

/** Reads the public key that `cepa image keys` made. Throws an UpdateError. */
export async function readKeyChange(paths: StatePaths, file: string): Promise<KeyChange> {
  const key = readPublicKey(await readFile(file, "utf8"), file);
  const current = await readUpdateKey(paths).catch((error: unknown) => {
    if (error instanceof UpdateError) return undefined; // none, or one that nothing can be verified with
    throw error;
  });
  return { key, sha256: keyHash(key), replaces: current === undefined ? null : keyHash(current) };
}

export async function setUpdateKey(provider: Provider, change: KeyChange, { who, nowMs }: Operator): Promise<void> {
  const { key, sha256, replaces } = change;
  provider.audit.append({ atMs: nowMs, who, action: "updateKey", detail: { sha256, replaces } });
  await writeFileAtomically(provider.paths.updatePublicKey, key.export({ format: "pem", type: "spki" }), 0o644);
}

function keyHash(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ format: "der", type: "spki" }))
    .digest("hex");
}

async function readUpdateKey(paths: StatePaths): Promise<KeyObject> {
  const pem = await readFile(paths.updatePublicKey, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
    throw new UpdateError("noKey", "base does not know yet who signs updates: cepa update key FOLDER/update.pub", {
      cause,
    });
  });
  return readPublicKey(pem, paths.updatePublicKey);
}

function readPublicKey(pem: string, path: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === "ed25519" && !pem.includes("PRIVATE")) return key;
  } catch {
    // said below
  }
  throw new UpdateError("badKey", `${path}: expected an Ed25519 public key in PEM, update.pub of \`cepa image keys\``);
}

/** Where the files of a published set are. */
export function setFolder(paths: StatePaths, profile: string, version: string): string {
  return join(paths.updatesFolder, profile, version);
}

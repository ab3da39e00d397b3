import type { DatabaseSync } from "node:sqlite";
import { compareVersions } from "../../core/version.ts";
import { inTransaction } from "../state/database.ts";
import type { Offerable, UpdateState } from "./offer.ts";

export interface PublishedUpdate extends Offerable {
  readonly minimumVersion: string;
  readonly rootHash: string;
  /** SHA-256 of SHA256SUMS: says which set it is. */
  readonly sumsHash: string;
  /** Of all its files. */
  readonly sizeBytes: number;
  readonly publishedAtMs: number;
}

/** A command about updates can't be carried out. */
export class UpdateError extends Error {
  override readonly name = "UpdateError";
  readonly code: "unknown" | "exists" | "withdrawn" | "noKey" | "badKey";
  constructor(code: UpdateError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const COLUMNS = `profile, version, channel, percent, state, minimum_version as minimumVersion, root_hash as rootHash,
  sums_hash as sumsHash, size_bytes as sizeBytes, published_at_ms as publishedAtMs`;

/** By profile, the oldest version first. */
export function listUpdates(database: DatabaseSync): readonly PublishedUpdate[] {
  const rows = database.prepare(`select ${COLUMNS} from updates`).all() as unknown as PublishedUpdate[];
  return rows.sort((a, b) =>
    a.profile === b.profile ? compareVersions(a.version, b.version) : a.profile < b.profile ? -1 : 1,
  );
}

export function findUpdate(database: DatabaseSync, profile: string, version: string): PublishedUpdate | undefined {
  const row = database
    .prepare(`select ${COLUMNS} from updates where profile = ? and version = ?`)
    .get(profile, version);
  return row as unknown as PublishedUpdate | undefined;
}

/** Throws an UpdateError when the version is here already. */
export function addUpdate(database: DatabaseSync, update: PublishedUpdate): void {
  inTransaction(database, () => {
    const there = findUpdate(database, update.profile, update.version);
    if (there !== undefined) throw existsError(there);
    database
      .prepare(
        `insert into updates (profile, version, channel, percent, state, minimum_version, root_hash, sums_hash, size_bytes,
         published_at_ms) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        update.profile,
        update.version,
        update.channel,
        update.percent,
        update.state,
        update.minimumVersion,
        update.rootHash,
        update.sumsHash,
        update.sizeBytes,
        update.publishedAtMs,
      );
  });
}

export function existsError({ version, profile, state }: Offerable): UpdateError {
  const what = state === "withdrawn" ? "was withdrawn" : "is published already";
  return new UpdateError("exists", `${version} for ${profile} ${what}: what differs needs a version of its own`);
}

/** Every profile's set of `version`, or the one of `profile`. Throws an UpdateError when there is none. */
export function findUpdates(
  database: DatabaseSync,
  version: string,
  profile: string | undefined,
): readonly PublishedUpdate[] {
  const found = listUpdates(database).filter(
    (update) => update.version === version && (profile === undefined || update.profile === profile),
  );
  if (found.length > 0) return found;
  const forProfile = profile === undefined ? "" : ` for ${profile}`;
  throw new UpdateError("unknown", `there is no update ${version}${forProfile}; cepa update list shows them`);
}

export interface UpdateChange {
  readonly state: UpdateState;
  readonly percent?: number;
}

/**
 * Changes every profile's set of `version`, or the one of `profile`. Throws an UpdateError when there is none, or when one was withdrawn,
 * which is for good.
 */
export function changeUpdates(
  database: DatabaseSync,
  version: string,
  profile: string | undefined,
  change: UpdateChange,
): readonly PublishedUpdate[] {
  return inTransaction(database, () => {
    const changed = findUpdates(database, version, profile);
    if (change.state !== "withdrawn" && changed.some(({ state }) => state === "withdrawn"))
      throw new UpdateError("withdrawn", `${version} was withdrawn, which is for good; publish another version`);
    for (const update of changed)
      database
        .prepare("update updates set state = ?, percent = ? where profile = ? and version = ?")
        .run(change.state, change.percent ?? update.percent, update.profile, update.version);
    return changed.map((update) => ({ ...update, ...change }));
  });
}

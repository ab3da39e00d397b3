import { chmodSync, closeSync, existsSync, openSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { DEFAULT_CHANNEL } from "../updates/channel.ts";
import { StateError } from "./settings.ts";

const SCHEMA_VERSION = 3;
const BUSY_TIMEOUT_MS = 10_000;

const SCHEMA = `
create table sensors (
  id text primary key,
  name text not null unique,
  address text not null unique,
  state text not null check (state in ('pending', 'active', 'hold', 'revoked')),
  added_at_ms integer not null,
  enrolled_at_ms integer,
  -- counts certificates given: what a box says is of one enrolment
  enrolment integer not null default 0,
  certificate_serial text,
  -- S_base under the sensor's own wrapping key, and that under the master key
  wrapped_share blob,
  wrapped_wrapping_key blob,
  -- UUID of the store's LUKS header; once known, base never says format again
  luks_uuid text,
  emergency_key_id integer not null default 0,
  config_number integer not null default 0,
  last_seen_at_ms integer,
  last_boot_id text,
  last_health text,
  last_link text
) strict;
create table certificates (
  serial text primary key,
  sensor_id text not null references sensors (id),
  issued_at_ms integer not null,
  not_after_ms integer not null,
  revoked_at_ms integer,
  pem text not null
) strict;
create table emergency_keys (
  sensor_id text not null references sensors (id),
  key_id integer not null,
  public_key_pem text not null,
  added_at_ms integer not null,
  retired_at_ms integer,
  primary key (sensor_id, key_id)
) strict;
create table events (
  sensor_id text not null references sensors (id),
  enrolment integer not null,
  spool_id integer not null,
  received_at_ms integer not null,
  event text not null,
  primary key (sensor_id, enrolment, spool_id)
) strict;
create table alerts (
  id integer primary key,
  sensor_id text not null references sensors (id),
  key_id integer not null,
  boot_counter integer not null,
  sequence integer not null,
  received_at_ms integer not null,
  sender text not null,
  message blob not null,
  unique (sensor_id, key_id, boot_counter, sequence)
) strict;
create table alert_counters (name text primary key, count integer not null) strict;
create table audit_head (one integer primary key check (one = 1), entries integer not null, hash text not null) strict;
insert into audit_head values (1, 0, '${"0".repeat(64)}');
`;

/** What version 2 adds: updates, and which of them a sensor gets. */
const UPDATES_SCHEMA = `
alter table sensors add column update_channel text not null default '${DEFAULT_CHANNEL}';
alter table sensors add column update_pin text;
create table updates (
  profile text not null,
  version text not null,
  channel text not null,
  percent integer not null check (percent between 0 and 100),
  state text not null check (state in ('offered', 'stopped', 'withdrawn')),
  minimum_version text not null,
  root_hash text not null,
  sums_hash text not null,
  size_bytes integer not null,
  published_at_ms integer not null,
  primary key (profile, version)
) strict;
`;

/** What version 3 adds: what a sensor was ordered to do, and what became of a wipe. */
const ORDERS_SCHEMA = `
alter table sensors add column command_counter integer not null default 0;
-- as signed, until the sensor says that it took it
alter table sensors add column pending_command blob;
alter table sensors add column wipe_ordered_at_ms integer;
alter table sensors add column wipe_begun_at_ms integer;
alter table sensors add column wipe_erased_at_ms integer;
alter table sensors add column wipe_cause text;
`;

/** SQLite's errors do not say which file they are of. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}

export function namingFile(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== "ERR_SQLITE_ERROR") return error;
  return new DatabaseError(`${path}: ${error.message}`, { cause: error });
}

/** A new provider's; only `cepa init` makes one. Throws where there is a file. */
export function createDatabase(path: string): DatabaseSync {
  closeSync(openSync(path, "wx", 0o600));
  return open(path, (database) => inTransaction(database, () => bringUpToDate(database)));
}

/**
 * Opens the provider's database; several processes may. Throws a StateError where there is none, a DatabaseError when it can't be
 * read.
 */
export function openDatabase(path: string): DatabaseSync {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0)
    throw new StateError("damaged", `${path} is ${existsSync(path) ? "empty" : "missing"}: put it back from a backup`);
  return open(path, (database) => {
    const version = versionOf(database);
    if (version > SCHEMA_VERSION)
      throw new StateError(
        "damaged",
        `${path}: made by a later version of cepa (schema ${version}, known: ${SCHEMA_VERSION})`,
      );
    if (version === 0) throw new StateError("damaged", `${path} is no database of cepa: put it back from a backup`);
    if (version < SCHEMA_VERSION) inTransaction(database, () => bringUpToDate(database));
  });
}

function open(path: string, check: (database: DatabaseSync) => void): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`);
    database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on");
    database.exec("pragma secure_delete = on"); // a share that is erased does not stay in a free page
    chmodSync(path, 0o600);
    check(database);
    return database;
  } catch (error) {
    database?.close();
    throw namingFile(error, path);
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("pragma user_version").get()?.user_version ?? 0);
}

/** Reads the version again: another process may have been first. */
function bringUpToDate(database: DatabaseSync): void {
  const version = versionOf(database);
  if (version < 1) database.exec(SCHEMA);
  if (version < 2) database.exec(UPDATES_SCHEMA);
  if (version < 3) database.exec(ORDERS_SCHEMA);
  if (version < SCHEMA_VERSION) database.exec(`pragma user_version = ${SCHEMA_VERSION}`);
}

/** Everything in `body` or nothing, also within another transaction; no other process writes meanwhile. */
export function inTransaction<T>(database: DatabaseSync, body: () => T): T {
  const [begin, commit, rollback] = database.isTransaction
    ? ["savepoint part", "release part", "rollback to part; release part"]
    : ["begin immediate", "commit", "rollback"];
  let isBegun = false;
  try {
    database.exec(begin);
    isBegun = true;
    const result = body();
    database.exec(commit);
    return result;
  } catch (error) {
    // SQLite rolls back by itself upon some errors, as of a full disk: https://sqlite.org/lang_transaction.html
    if (isBegun && database.isTransaction) database.exec(rollback);
    throw namingFile(error, database.location() ?? "the database");
  }
}

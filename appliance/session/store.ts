import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type Day, dayFileName, dayOfSeconds, listDays } from "./day-files.ts";
import type { EngineSink } from "./engine-sink.ts";
import {
  ALARM_COLUMNS,
  type AlarmRecord,
  HANDSHAKE_COLUMNS,
  type HandshakeRecord,
  HTTP_COLUMNS,
  type HttpRecord,
  SESSION_COLUMNS,
  type SessionRecord,
} from "./record.ts";
import { SCHEMA } from "./store-schema.ts";

/** Rows of one transaction at most; `flush` ends it sooner. */
const TRANSACTION_ROWS = 10_000;
/** Days whose files are open at a time: sessions begin on few of them. */
const OPEN_DAYS_MAX = 4;

interface OpenDay {
  readonly database: DatabaseSync;
  readonly putSession: StatementSync;
  readonly putHttp: StatementSync;
  readonly putHandshake: StatementSync;
  readonly putAlarm: StatementSync;
  inTransaction: boolean;
  /** Rows of the transaction. */
  pending: number;
}

/**
 * Writes records into one SQLite file a day (UTC; a session belongs to the day of its start), in WAL mode, so that others
 * read meanwhile. A session that comes again replaces its row. One writer to a folder.
 */
export class SessionStore implements EngineSink {
  /** An id that no session of the folder has; the ones above are free too. */
  readonly nextId: number;
  /** Rows written since the start. */
  rows = 0;
  /** While it is set, what comes is dropped and counted: the sessions have all the room that they may take. */
  isFull = false;
  /** Rows that were not written, or not kept, as `isFull` was set or the disk was full. */
  rowsDropped = 0;
  /** Files that could not be read as databases, and were put aside under another name. */
  damagedFiles = 0;
  readonly #folder: string;
  readonly #open = new Map<Day, OpenDay>();
  #pending = 0;

  /** Makes the folder when it isn't there. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    this.nextId = this.#findNextId();
  }

  session(record: SessionRecord): void {
    const values = SESSION_COLUMNS.map((column) => record[column]);
    this.#write(record.start, (day) => day.putSession.run(...values));
  }

  http(record: HttpRecord): void {
    const values = HTTP_COLUMNS.map((column) => record[column]);
    this.#write(record.ts, (day) => day.putHttp.run(...values));
  }

  handshake(record: HandshakeRecord): void {
    const values = HANDSHAKE_COLUMNS.map((column) => record[column]);
    this.#write(record.ts, (day) => day.putHandshake.run(...values));
  }

  alarm(record: AlarmRecord): void {
    const values = ALARM_COLUMNS.map((column) => record[column]);
    this.#write(record.ts, (day) => day.putAlarm.run(...values));
  }

  /** Commits what was written; to be called about once a second. */
  flush(): void {
    for (const day of this.#open.values()) this.#commit(day);
    this.#pending = 0;
  }

  /** Deletes the files of days that ended before `untilSeconds` (Unix); the number of them. */
  removeBefore(untilSeconds: number): number {
    const first = dayOfSeconds(untilSeconds);
    const old = listDays(this.#folder).filter((day) => day < first);
    for (const day of old) {
      this.#closeDay(day);
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${this.#path(day)}${suffix}`, { force: true });
    }
    return old.length;
  }

  close(): void {
    for (const day of [...this.#open.keys()]) this.#closeDay(day);
  }

  #write(seconds: number, put: (day: OpenDay) => void): void {
    if (this.isFull) {
      this.rowsDropped++;
      return;
    }
    let day: OpenDay | undefined;
    try {
      day = this.#dayOf(seconds);
      put(day);
      day.pending++;
      this.rows++;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.rowsDropped++;
      if (day !== undefined) this.#giveUp(day);
    }
    if (++this.#pending >= TRANSACTION_ROWS) this.flush();
  }

  #commit(day: OpenDay): void {
    if (!day.inTransaction) return;
    try {
      day.database.exec("commit");
      day.inTransaction = false;
      day.pending = 0;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#giveUp(day);
    }
  }

  /** A full disk ends the transaction with all its rows, by itself or not. */
  #giveUp(day: OpenDay): void {
    if (day.database.isTransaction) day.database.exec("rollback");
    this.rowsDropped += day.pending;
    day.inTransaction = false;
    day.pending = 0;
  }

  #dayOf(seconds: number): OpenDay {
    const day = dayOfSeconds(seconds);
    const open = this.#open.get(day) ?? this.#openDay(day);
    if (!open.inTransaction) open.database.exec("begin");
    open.inTransaction = true;
    return open;
  }

  #openDay(day: Day): OpenDay {
    const [oldest] = this.#open.keys();
    if (this.#open.size >= OPEN_DAYS_MAX && oldest !== undefined) this.#closeDay(oldest);
    const database = this.#openDatabase(this.#path(day));
    const open: OpenDay = {
      database,
      putSession: database.prepare(insertInto("sessions", SESSION_COLUMNS)),
      putHttp: database.prepare(insertInto("http", HTTP_COLUMNS)),
      putHandshake: database.prepare(insertInto("handshakes", HANDSHAKE_COLUMNS)),
      putAlarm: database.prepare(insertInto("alarms", ALARM_COLUMNS)),
      inTransaction: false,
      pending: 0,
    };
    this.#open.set(day, open);
    return open;
  }

  #openDatabase(path: string): DatabaseSync {
    const database = new DatabaseSync(path, { timeout: 5000 });
    try {
      database.exec(SCHEMA);
      return database;
    } catch (error) {
      database.close();
      if (!isDamage(error)) throw error;
      this.damagedFiles++;
      for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
      renameSync(path, `${path}.damaged`);
      const fresh = new DatabaseSync(path, { timeout: 5000 });
      fresh.exec(SCHEMA);
      return fresh;
    }
  }

  #closeDay(day: Day): void {
    const open = this.#open.get(day);
    if (open === undefined) return;
    this.#commit(open);
    open.database.close();
    this.#open.delete(day);
  }

  #findNextId(): number {
    let largest = 0;
    for (const day of listDays(this.#folder)) {
      const database = this.#openDatabase(this.#path(day));
      const row = database.prepare("select max(id) as id from sessions").get();
      largest = Math.max(largest, Number(row?.id ?? 0));
      database.close();
    }
    return largest + 1;
  }

  #path(day: Day): string {
    return join(this.#folder, dayFileName(day));
  }
}

function insertInto(table: string, columns: readonly string[]): string {
  const names = columns.map((column) => `"${column}"`).join(", ");
  return `insert or replace into ${table} (${names}) values (${columns.map(() => "?").join(", ")})`;
}

/** SQLITE_CORRUPT (11) and SQLITE_NOTADB (26), sqlite.org/rescode.html. */
function isDamage(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: number };
  return errcode !== undefined && [11, 26].includes(errcode & 0xff);
}

/** SQLITE_FULL (13), and SQLITE_IOERR_SHMSIZE (4874): no room for the index of the write-ahead log. */
function isDiskFull(error: unknown): boolean {
  const { errcode } = error as { readonly errcode?: number };
  return errcode === 13 || errcode === 4874;
}

import { join } from "node:path";
import { constants, DatabaseSync } from "node:sqlite";
import { type Day, dayFileName, listDays } from "./day-files.ts";
import { ALARM_COLUMNS, HANDSHAKE_COLUMNS, HTTP_COLUMNS, SESSION_COLUMNS } from "./record.ts";
import { SCHEMA } from "./store-schema.ts";

/** SQLite attaches ten databases to one; the newest days count. */
export const QUERY_DAYS_MAX = 11;
const HEAP_LIMIT_BYTES = 512 * 1024 * 1024;
const SQL_MAX_BYTES = 100_000;
const VALUE_MAX_BYTES = 1024 * 1024;

/** The views that can be asked, with their columns. */
export const VIEWS: Readonly<Record<string, readonly string[]>> = {
  sessions: SESSION_COLUMNS,
  http: HTTP_COLUMNS,
  handshakes: HANDSHAKE_COLUMNS,
  alarms: ALARM_COLUMNS,
};

export type Cell = string | number | null;

export interface QueryLimits {
  readonly maxRows: number;
  /** Of the answer as JSON, roughly. */
  readonly maxBytes: number;
}

export interface QueryAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** true: there was more than the limits allow. */
  readonly cut: boolean;
}

/** The SQL can't be run; the message is SQLite's, for people. */
export class QueryError extends Error {
  override readonly name = "QueryError";
}

/**
 * Runs one SELECT over VIEWS, which join the newest days of the folder. Nothing can be written,
 * attached or set. It takes as long as it takes: whoever can't wait runs it in a process of its own, as runQuery does.
 * Throws a QueryError.
 */
export function queryStore(folder: string, sql: string, limits: QueryLimits): QueryAnswer {
  const database = openDays(folder, listDays(folder).slice(-QUERY_DAYS_MAX).reverse());
  try {
    database.setAuthorizer(authorize);
    return collect(database, sql, limits);
  } catch (error) {
    throw new QueryError((error as Error).message, { cause: error });
  } finally {
    database.close();
  }
}

function collect(database: DatabaseSync, sql: string, { maxRows, maxBytes }: QueryLimits): QueryAnswer {
  const statement = database.prepare(sql, { returnArrays: true });
  const columns = statement.columns().map(({ name }) => name);
  if (columns.length === 0) throw new Error("only a SELECT has an answer");
  const rows: Cell[][] = [];
  let bytes = 0;
  for (const row of statement.iterate() as Iterable<unknown>) {
    if (rows.length >= maxRows || bytes >= maxBytes) return { columns, rows, cut: true };
    const cells = (row as unknown[]).map(readCell);
    for (const cell of cells) bytes += 4 + (typeof cell === "string" ? cell.length : 8);
    rows.push(cells);
  }
  return { columns, rows, cut: false };
}

/** A blob as hexadecimal. */
function readCell(value: unknown): Cell {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return typeof value === "bigint" ? Number(value) : (value as Cell);
}

/** The newest day is the main database, opened read-only, and so are those that it attaches. */
function openDays(folder: string, days: readonly Day[]): DatabaseSync {
  const [newest, ...others] = days;
  const path = newest === undefined ? ":memory:" : join(folder, dayFileName(newest));
  const database = new DatabaseSync(path, {
    readOnly: newest !== undefined,
    timeout: 5000,
    allowExtension: false,
    limits: { sqlLength: SQL_MAX_BYTES, length: VALUE_MAX_BYTES },
  });
  if (newest === undefined) database.exec(SCHEMA);
  database.exec(
    `pragma hard_heap_limit = ${HEAP_LIMIT_BYTES}; pragma temp_store = memory; pragma trusted_schema = off`,
  );
  const schemas = ["main"];
  for (const day of others) {
    const schema = `d${day.replaceAll("-", "")}`;
    database.prepare(`attach ? as ${schema}`).run(join(folder, dayFileName(day)));
    schemas.push(schema);
  }
  for (const [name, columns] of Object.entries(VIEWS)) createView(database, name, columns, schemas);
  return database;
}

/** A file of an older version may lack tables, or columns: they are null. */
function createView(
  database: DatabaseSync,
  table: string,
  columns: readonly string[],
  schemas: readonly string[],
): void {
  const selects = schemas.flatMap((schema) => {
    const present = new Set(
      database
        .prepare(`pragma ${schema}.table_info(${table})`)
        .all()
        .map(({ name }) => name),
    );
    if (present.size === 0) return [];
    const list = columns.map((column) => (present.has(column) ? `"${column}"` : `null as "${column}"`));
    return [`select ${list.join(", ")} from ${schema}.${table}`];
  });
  const none = `select ${columns.map((column) => `null as "${column}"`).join(", ")} where false`;
  database.exec(`create temp view ${table} as ${selects.join(" union all ") || none}`);
}

/** sqlite.org/c3ref/c_alter_table.html: reading and calculating are allowed, nothing else. */
function authorize(action: number, _argument: string | null, name: string | null): number {
  switch (action) {
    case constants.SQLITE_SELECT:
    case constants.SQLITE_READ:
    case constants.SQLITE_RECURSIVE:
      return constants.SQLITE_OK;
    case constants.SQLITE_FUNCTION:
      return name?.toLowerCase() === "load_extension" ? constants.SQLITE_DENY : constants.SQLITE_OK;
    default:
      return constants.SQLITE_DENY;
  }
}

import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  writeSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { inTransaction } from "../state/database.ts";
import { type AuditHead, type AuditRecord, type ChainFault, EMPTY_HEAD, followChain, nextEntry } from "./chain.ts";

/** Of one line: the longest is of a query, whose SQL has up to 65,536 characters of six octets in JSON. */
const LINE_MAX_BYTES = 1024 * 1024;

const FIND_OUT = "cepa audit verify says where, cepa audit --help what then";

/** The audit log can't be written or does not fit its head: what needs an entry must not happen. */
export class AuditError extends Error {
  override readonly name = "AuditError";
}

export interface AuditLog {
  /** Throws an AuditError when nothing can be appended as things are. */
  check(): void;
  /** Returns once the entry is on the disk. Throws an AuditError. */
  append(record: AuditRecord): void;
  /**
   * A change of the database with its entry, or neither: a change that fails leaves no entry, and without an entry there is no change. A
   * crash or a full disk between the two leaves the entry alone. Throws what `change` throws, or an AuditError.
   */
  appendWith<T>(change: () => T, recordOf: (changed: T) => AuditRecord): T;
}

/**
 * The log at `path`, one JSON object a line. The database holds the head of the chain, so that lines cut off its end are
 * missed, and its write lock keeps several processes from writing at once.
 */
export function openAuditLog(path: string, database: DatabaseSync): AuditLog {
  const atLog = (body: (file: number, known: AuditHead) => void): void => {
    try {
      inTransaction(database, () => {
        const file = openSync(path, "a+", 0o600);
        try {
          body(file, readHead(database));
        } finally {
          closeSync(file);
        }
      });
    } catch (cause) {
      throw new AuditError(`the audit log can't be written, so nothing was changed here: ${(cause as Error).message}`, {
        cause,
      });
    }
  };
  // In a transaction of its own, and before anything else: a full disk may leave an entry that the database does not know upon each try.
  const catchUp = () =>
    atLog((file, known) => {
      const head = currentHead(known, file);
      if (head.entries !== known.entries) saveHead(database, head);
    });
  const write = (record: AuditRecord) =>
    atLog((file, known) => {
      const head = currentHead(known, file);
      if (head.entries !== known.entries) throw new Error("another process was cut off meanwhile; try again");
      const entry = nextEntry(head, record);
      writeWhole(file, Buffer.from(`${JSON.stringify(entry)}\n`));
      fsyncSync(file);
      saveHead(database, { entries: entry.number, hash: entry.hash });
    });
  return {
    check: catchUp,
    append(record) {
      catchUp();
      write(record);
    },
    appendWith(change, recordOf) {
      catchUp();
      return inTransaction(database, () => {
        const changed = change();
        write(recordOf(changed)); // last: what comes after it could fail
        return changed;
      });
    },
  };
}

function readHead(database: DatabaseSync): AuditHead {
  const row = database.prepare("select entries, hash from audit_head").get();
  return { entries: Number(row?.entries), hash: String(row?.hash) };
}

function saveHead(database: DatabaseSync, { entries, hash }: AuditHead): void {
  database.prepare("update audit_head set entries = ?, hash = ?").run(entries, hash);
}

function writeWhole(file: number, line: Uint8Array): void {
  if (line.length > LINE_MAX_BYTES) throw new Error(`an entry of ${line.length} octets`);
  const written = writeSync(file, line);
  if (written !== line.length) throw new Error(`only ${written} octets of ${line.length} were written`);
}

/**
 * The head by the database, or the one after it when a crash came between the file and the database. Octets behind the last
 * whole line, when that is the head's, are of a write that was cut off, and go: nothing happened upon it.
 */
function currentHead(head: AuditHead, file: number): AuditHead {
  const { line, cutOffBytes } = readEnd(file);
  if (line === "" && head.entries > 0) throw new Error(`its end is missing; ${FIND_OUT}`);
  const next = line === "" ? head : headOf(line, head);
  if (cutOffBytes > 0) ftruncateSync(file, fstatSync(file).size - cutOffBytes);
  return next;
}

function headOf(line: string, head: AuditHead): AuditHead {
  const entry = JSON.parse(line) as { number?: unknown; hash?: unknown };
  if (entry.number === head.entries && entry.hash === head.hash) return head;
  const next = followChain(head, line);
  if ("why" in next) throw new Error(`its last line does not fit (${next.why}); ${FIND_OUT}`);
  return next;
}

/** The last whole line, and how many octets stand behind it. */
function readEnd(file: number): { readonly line: string; readonly cutOffBytes: number } {
  const sizeBytes = fstatSync(file).size;
  const end = Buffer.alloc(Math.min(sizeBytes, 2 * LINE_MAX_BYTES));
  readSync(file, end, 0, end.length, sizeBytes - end.length);
  const lineEnd = end.lastIndexOf(10);
  const lineStart = lineEnd <= 0 ? 0 : end.lastIndexOf(10, lineEnd - 1) + 1;
  return { line: end.toString("utf8", lineStart, Math.max(lineEnd, 0)), cutOffBytes: end.length - lineEnd - 1 };
}

/** Follows the whole chain: how long it is, or the first fault. */
export function verifyAuditLog(path: string, database: DatabaseSync): AuditHead | ChainFault {
  // the lock is held for a moment alone: what is appended meanwhile is not looked at
  const { file, sizeBytes, known } = inTransaction(database, () => ({
    ...openToRead(path),
    known: readHead(database),
  }));
  try {
    return followLog(linesOf(file, sizeBytes), known);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

interface OpenLog {
  /** undefined: there is none. */
  readonly file: number | undefined;
  readonly sizeBytes: number;
}

function openToRead(path: string): OpenLog {
  if (!existsSync(path)) return { file: undefined, sizeBytes: 0 };
  const file = openSync(path, "r");
  return { file, sizeBytes: fstatSync(file).size };
}

/** A buffer that is used again for the next. */
function* chunksOf(file: number | undefined, sizeBytes: number): Generator<Buffer> {
  if (file === undefined) return;
  const chunk = Buffer.alloc(LINE_MAX_BYTES);
  for (let at = 0; at < sizeBytes; ) {
    const read = readSync(file, chunk, 0, Math.min(chunk.length, sizeBytes - at), at);
    if (read === 0) return;
    at += read;
    yield chunk.subarray(0, read);
  }
}

/** Whole lines; what stands behind the last is none, but for more than a line can have. */
function* linesOf(file: number | undefined, sizeBytes: number): Generator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for (const chunk of chunksOf(file, sizeBytes)) {
    const octets = Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = octets.indexOf(10); end >= 0; end = octets.indexOf(10, from)) {
      yield octets.toString("utf8", from, end);
      from = end + 1;
    }
    rest = octets.subarray(from);
    if (rest.length > LINE_MAX_BYTES) return yield rest.toString("utf8");
  }
}

function followLog(lines: Iterable<string>, known: AuditHead): AuditHead | ChainFault {
  let head = EMPTY_HEAD;
  for (const line of lines) {
    const next = followChain(head, line);
    if ("why" in next) return next;
    head = next;
    if (head.entries === known.entries && head.hash !== known.hash)
      return { line: head.entries, why: "the whole log was replaced: its hash here is not the one in the database" };
    // A crash between file and database leaves one entry that the database does not know.
    if (head.entries > known.entries + 1)
      return { line: head.entries, why: `one too many: the database knows of ${known.entries} entries` };
  }
  if (head.entries < known.entries)
    return {
      line: head.entries + 1,
      why: `missing: the log ends here, the database knows of ${known.entries} entries`,
    };
  return head;
}

/**
 * Keeps a log that does not fit as `PATH.` and the time, and begins a new one, whose first entry says so. Returns where it is kept;
 * undefined: there was none. Throws an AuditError for a log that fits.
 */
export function renewAuditLog(path: string, database: DatabaseSync, who: string, nowMs: number): string | undefined {
  return inTransaction(database, () => {
    const known = readHead(database);
    const { file: old, sizeBytes } = openToRead(path);
    const hash = createHash("sha256");
    let fault: AuditHead | ChainFault;
    try {
      fault = followLog(linesOf(old, sizeBytes), known);
      for (const chunk of chunksOf(old, sizeBytes)) hash.update(chunk);
    } finally {
      if (old !== undefined) closeSync(old);
    }
    if (!("why" in fault)) throw new AuditError(`${path}: it is whole, and goes on; nothing was done`);
    const kept = old === undefined ? undefined : `${path}.${new Date(nowMs).toISOString().replaceAll(":", "")}`;
    const sha256 = hash.digest("hex");
    const detail = { ...fault, known, kept: kept === undefined ? null : { name: basename(kept), sha256 } };
    const entry = nextEntry(EMPTY_HEAD, { atMs: nowMs, who, action: "auditRenew", detail });
    const file = openSync(`${path}.new`, "w", 0o600);
    try {
      writeWhole(file, Buffer.from(`${JSON.stringify(entry)}\n`));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (kept !== undefined) linkSync(path, kept); // fails where there is such a name: nothing is overwritten
    renameSync(`${path}.new`, path);
    flushFolder(dirname(path));
    saveHead(database, { entries: entry.number, hash: entry.hash });
    return kept;
  });
}

function flushFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

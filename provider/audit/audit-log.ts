import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { inTransaction } from "../state/database.ts";
import { type AuditHead, type AuditRecord, type ChainFault, EMPTY_HEAD, followChain, nextEntry } from "./chain.ts";

/** Of one line: the longest is of a query, whose SQL has up to 65,536 characters of six octets in JSON. */
const LINE_MAX_BYTES = 1024 * 1024;

/** The audit log can't be written or does not fit its head: what needs an entry must not happen. */
export class AuditError extends Error {
  override readonly name = "AuditError";
}

export interface AuditLog {
  /** Returns once the entry is on the disk. Throws an AuditError. */
  append(record: AuditRecord): void;
  /**
   * A change of the database with its entry, or neither: a change that fails leaves no entry, and without an entry there is no change. A
   * crash between the two leaves the entry alone. Throws what `change` throws, or an AuditError.
   */
  appendWith<T>(change: () => T, recordOf: (changed: T) => AuditRecord): T;
}

/**
 * The log at `path`, one JSON object a line. The database holds the head of the chain, so that lines cut off its end are
 * missed, and its write lock keeps several processes from writing at once.
 */
export function openAuditLog(path: string, database: DatabaseSync): AuditLog {
  const append = (record: AuditRecord): void => {
    try {
      inTransaction(database, () => {
        const file = openSync(path, "a+", 0o600);
        try {
          const head = currentHead(readHead(database), file);
          const entry = nextEntry(head, record);
          writeWhole(file, Buffer.from(`${JSON.stringify(entry)}\n`));
          fsyncSync(file);
          database.prepare("update audit_head set entries = ?, hash = ?").run(entry.number, entry.hash);
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
  return {
    append,
    appendWith: (change, recordOf) =>
      inTransaction(database, () => {
        const changed = change();
        append(recordOf(changed)); // last: what comes after it could fail
        return changed;
      }),
  };
}

function readHead(database: DatabaseSync): AuditHead {
  const row = database.prepare("select entries, hash from audit_head").get();
  return { entries: Number(row?.entries), hash: String(row?.hash) };
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
  if (line === "" && head.entries > 0) throw new Error("its end is missing; `cepa audit verify` says where");
  const next = line === "" ? head : headOf(line, head);
  if (cutOffBytes > 0) ftruncateSync(file, fstatSync(file).size - cutOffBytes);
  return next;
}

function headOf(line: string, head: AuditHead): AuditHead {
  const entry = JSON.parse(line) as { number?: unknown; hash?: unknown };
  if (entry.number === head.entries && entry.hash === head.hash) return head;
  const next = followChain(head, line);
  if ("why" in next) throw new Error(`its last line does not fit (${next.why}); \`cepa audit verify\` says where`);
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
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  let head = EMPTY_HEAD;
  for (const line of lines) {
    const next = followChain(head, line);
    if ("why" in next) return next;
    head = next;
  }
  const expected = readHead(database);
  if (head.entries < expected.entries)
    return {
      line: head.entries + 1,
      why: `missing: the log ends here, the database knows of ${expected.entries} entries`,
    };
  if (head.entries === expected.entries && head.hash !== expected.hash)
    return { line: head.entries, why: "the whole log was replaced: its last hash is not the one in the database" };
  return head;
}

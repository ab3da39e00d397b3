import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { inTransaction } from "../state/database.ts";
import { type AuditHead, type AuditRecord, type ChainFault, EMPTY_HEAD, followChain, nextEntry } from "./chain.ts";

const TAIL_BYTES = 64 * 1024;

/** The audit log can't be written or does not fit its head: what needs an entry must not happen. */
export class AuditError extends Error {
  override readonly name = "AuditError";
}

export interface AuditLog {
  /** Returns once the entry is on the disk. Throws an AuditError. */
  append(record: AuditRecord): void;
}

/**
 * The log at `path`, one JSON object a line. The database holds the head of the chain, so that lines cut off its end are
 * missed, and its write lock keeps several processes from writing at once.
 */
export function openAuditLog(path: string, database: DatabaseSync): AuditLog {
  return {
    append(record) {
      try {
        inTransaction(database, () => {
          const file = openSync(path, "a+", 0o600);
          try {
            const head = currentHead(readHead(database), file);
            const entry = nextEntry(head, record);
            writeSync(file, `${JSON.stringify(entry)}\n`);
            fsyncSync(file);
            database.prepare("update audit_head set entries = ?, hash = ?").run(entry.number, entry.hash);
          } finally {
            closeSync(file);
          }
        });
      } catch (cause) {
        throw new AuditError(`the audit log can't be written: ${(cause as Error).message}`, { cause });
      }
    },
  };
}

function readHead(database: DatabaseSync): AuditHead {
  const row = database.prepare("select entries, hash from audit_head").get();
  return { entries: Number(row?.entries), hash: String(row?.hash) };
}

/** The head by the database, or the one after it when a crash came between the file and the database. */
function currentHead(head: AuditHead, file: number): AuditHead {
  const line = lastLine(file);
  if (line === "") {
    if (head.entries === 0) return head;
    throw new Error("its end is missing; `cepa audit verify` says where");
  }
  const entry = JSON.parse(line) as { number?: unknown; hash?: unknown };
  if (entry.number === head.entries && entry.hash === head.hash) return head;
  const next = followChain(head, line);
  if ("why" in next) throw new Error(`its last line does not fit (${next.why}); \`cepa audit verify\` says where`);
  return next;
}

function lastLine(file: number): string {
  const sizeBytes = fstatSync(file).size;
  const tail = Buffer.alloc(Math.min(sizeBytes, TAIL_BYTES));
  readSync(file, tail, 0, tail.length, sizeBytes - tail.length);
  if (tail.length > 0 && tail.at(-1) !== 10) throw new Error("its last line is cut off");
  return tail.toString("utf8").trimEnd().split("\n").at(-1) ?? "";
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

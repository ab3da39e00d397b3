import { createHash } from "node:crypto";

/** What is recorded; `who` is a sensor's id, an operator's user name, or "base". */
export interface AuditRecord {
  readonly atMs: number;
  readonly who: string;
  readonly action: string;
  readonly sensorId?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/**
 * One line of the log: the record, its number from 1 on, the hash of the entry before, and its own: SHA-256 over the
 * line's JSON without `hash`. Whoever changes, removes or inserts a line must change every later one.
 */
export interface AuditEntry extends AuditRecord {
  readonly number: number;
  readonly previous: string;
  readonly hash: string;
}

export interface AuditHead {
  readonly entries: number;
  readonly hash: string;
}

export const EMPTY_HEAD: AuditHead = { entries: 0, hash: "0".repeat(64) };

export function nextEntry(head: AuditHead, record: AuditRecord): AuditEntry {
  const body = { number: head.entries + 1, previous: head.hash, ...record };
  return { ...body, hash: hashOf(body) };
}

export type ChainFault = { readonly line: number; readonly why: string };

/** The head after one more line, or what is wrong with it. */
export function followChain(head: AuditHead, line: string): AuditHead | ChainFault {
  const fault = (why: string): ChainFault => ({ line: head.entries + 1, why });
  let entry: AuditEntry;
  try {
    entry = JSON.parse(line) as AuditEntry;
  } catch {
    return fault("no JSON");
  }
  if (typeof entry !== "object" || entry === null) return fault("no entry");
  const { hash, ...body } = entry;
  if (entry.number !== head.entries + 1) return fault(`number ${entry.number} where ${head.entries + 1} was expected`);
  if (entry.previous !== head.hash) return fault("it does not follow the entry before it");
  if (hash !== hashOf(body)) return fault("its content was changed");
  return { entries: entry.number, hash };
}

function hashOf(body: object): string {
  return createHash("sha256").update(JSON.stringify(body)).digest("hex");
}

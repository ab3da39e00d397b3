import { type Backoff, backoffMs } from "../../core/backoff.ts";

/** Emergency messages until the network has them, and what was sent of late. Kept as JSON on the state partition. */
export interface Outbox {
  readonly bootId: string;
  /** Counts boots; with the sequence it names a message, over the life of the box. */
  readonly bootCounter: number;
  readonly nextSequence: number;
  /** Oldest first. */
  readonly entries: readonly OutboxEntry[];
  /** When messages left, or may have left, in the last day: Unix milliseconds. */
  readonly sentAtMs: readonly number[];
  /** When a message with a reason was last made. */
  readonly reasonAtMs: Readonly<Record<string, number>>;
  readonly sent: number;
  readonly lastSentAtMs: number | null;
  readonly dropped: number;
}

export interface OutboxEntry {
  readonly bootCounter: number;
  readonly sequence: number;
  /** The signed message, hexadecimal: the same octets at each try. */
  readonly message: string;
  readonly attempts: number;
  /** Unix milliseconds. */
  readonly dueAtMs: number;
  /** A reason not told in the last day: the hourly limit does not hold it. */
  readonly urgent: boolean;
}

export const ENTRIES_MAX = 50;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PER_HOUR = 6;
const PER_DAY = 30;
const RETRY: Backoff = { firstMs: 30_000, mostMs: 30 * 60_000 }; // half of it at least: 15 s

/** The outbox of this boot out of the file's text; an unreadable file counts as none. */
export function openOutbox(text: string | undefined, bootId: string): Outbox {
  const kept = text === undefined ? undefined : parseOutbox(text);
  if (kept?.bootId === bootId) return kept; // the role was restarted, not the box
  const fresh = { bootId, bootCounter: ((kept?.bootCounter ?? 0) + 1) & 0xffff, nextSequence: 0 };
  const none = { entries: [], sentAtMs: [], reasonAtMs: {}, sent: 0, lastSentAtMs: null, dropped: 0 };
  return { ...none, ...kept, ...fresh };
}

/** Puts a signed message, made with `nextSequence`, at the end. */
export function addMessage(outbox: Outbox, message: string, reasons: readonly string[], nowMs: number): Outbox {
  const isNew = (reason: string) => !(nowMs - (outbox.reasonAtMs[reason] ?? Number.NEGATIVE_INFINITY) < DAY_MS);
  const entry: OutboxEntry = {
    bootCounter: outbox.bootCounter,
    sequence: outbox.nextSequence,
    message,
    attempts: 0,
    dueAtMs: nowMs,
    urgent: reasons.some(isNew),
  };
  const excess = Math.max(0, outbox.entries.length + 1 - ENTRIES_MAX);
  return {
    ...outbox,
    nextSequence: (outbox.nextSequence + 1) & 0xffff,
    entries: [...outbox.entries.slice(excess), entry],
    reasonAtMs: { ...outbox.reasonAtMs, ...Object.fromEntries(reasons.map((reason) => [reason, nowMs])) },
    dropped: outbox.dropped + excess,
  };
}

/** What may be sent now: urgent ones first, and none beyond the limits of an hour and a day. */
export function nextDue(outbox: Outbox, nowMs: number): OutboxEntry | undefined {
  const within = (spanMs: number) => outbox.sentAtMs.filter((atMs) => atMs <= nowMs && nowMs - atMs < spanMs).length;
  if (within(DAY_MS) >= PER_DAY) return undefined;
  const due = outbox.entries.filter((entry) => entry.dueAtMs <= nowMs || entry.dueAtMs - nowMs > RETRY.mostMs);
  const hourFull = within(HOUR_MS) >= PER_HOUR;
  return due.find((entry) => entry.urgent) ?? (hourFull ? undefined : due[0]);
}

/** Written to disk before the attempt: cut off in it, the message is tried again, later. `random` is in [0, 1). */
export function noteAttempt(outbox: Outbox, entry: OutboxEntry, nowMs: number, random: number): Outbox {
  const attempts = entry.attempts + 1;
  const next = { ...entry, attempts, dueAtMs: nowMs + backoffMs(RETRY, attempts, random) };
  return { ...outbox, entries: outbox.entries.map((one) => (isSame(one, entry) ? next : one)) };
}

/** The attempt may have reached the network: it counts, and the message stays. */
export function noteInDoubt(outbox: Outbox, nowMs: number): Outbox {
  return { ...outbox, sentAtMs: [...recent(outbox, nowMs), nowMs] };
}

export function noteSent(outbox: Outbox, entry: OutboxEntry, nowMs: number): Outbox {
  const entries = outbox.entries.filter((one) => !isSame(one, entry));
  return { ...noteInDoubt(outbox, nowMs), entries, sent: outbox.sent + 1, lastSentAtMs: nowMs };
}

export function renderOutbox(outbox: Outbox): string {
  return JSON.stringify(outbox);
}

function recent(outbox: Outbox, nowMs: number): number[] {
  return outbox.sentAtMs.filter((atMs) => atMs <= nowMs && nowMs - atMs < DAY_MS).slice(-PER_DAY);
}

function isSame(one: OutboxEntry, other: OutboxEntry): boolean {
  return one.bootCounter === other.bootCounter && one.sequence === other.sequence;
}

function parseOutbox(text: string): Outbox | undefined {
  try {
    const json = JSON.parse(text) as Outbox;
    const numbers = [json.bootCounter, json.nextSequence, json.sent, json.dropped, ...json.sentAtMs];
    if (!numbers.every(Number.isFinite) || typeof json.bootId !== "string") return undefined;
    return { ...json, entries: json.entries.filter((entry) => /^[0-9a-f]{216}$/.test(entry.message)) };
  } catch {
    return undefined;
  }
}

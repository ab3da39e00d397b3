import type { SensorEvent } from "../../core/contract/role.ts";

/** Events that base has not acknowledged, oldest first. Text form: a line of JSON for the next id, then one an event. */
export interface Spool {
  readonly nextId: number;
  readonly events: readonly SpooledEvent[];
  /** Events that gave way to newer ones. */
  readonly dropped: number;
}

export interface SpooledEvent {
  readonly id: number;
  readonly event: SensorEvent;
}

export const SPOOL_EVENTS_MAX = 1000;
const LINE_LIMIT_CHARACTERS = 10_000;

/**
 * Ids of a new spool start at the Unix second: base drops ids that it has seen, and a spool that was lost with its
 * partition must not begin below them.
 */
export function emptySpool(nowMs: number): Spool {
  return { nextId: Math.max(1, Math.floor(nowMs / 1000)), events: [], dropped: 0 };
}

export function addEvent(spool: Spool, event: SensorEvent): Spool {
  const events = [...spool.events, { id: spool.nextId, event }];
  const excess = Math.max(0, events.length - SPOOL_EVENTS_MAX);
  return { nextId: spool.nextId + 1, events: events.slice(excess), dropped: spool.dropped + excess };
}

export function acknowledgeEvent(spool: Spool, id: number): Spool {
  const events = spool.events.filter((one) => one.id !== id);
  return events.length === spool.events.length ? spool : { ...spool, events };
}

export function renderSpool(spool: Spool): string {
  const lines = [{ nextId: spool.nextId, dropped: spool.dropped }, ...spool.events];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** A torn or foreign line is left out; without a first line that can be read the spool is empty. */
export function parseSpool(text: string, nowMs: number): Spool {
  const [first, ...rest] = text
    .split("\n")
    .filter((line) => line.length <= LINE_LIMIT_CHARACTERS)
    .map(parseLine);
  const head = first as { nextId?: unknown; dropped?: unknown } | undefined;
  const events = rest.filter(isSpooledEvent).slice(-SPOOL_EVENTS_MAX);
  const lastId = events.reduce((most, one) => Math.max(most, one.id), 0);
  const nextId = isCount(head?.nextId) ? head.nextId : emptySpool(nowMs).nextId;
  return { nextId: Math.max(nextId, lastId + 1), events, dropped: isCount(head?.dropped) ? head.dropped : 0 };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isSpooledEvent(json: unknown): json is SpooledEvent {
  if (typeof json !== "object" || json === null || !("id" in json && "event" in json)) return false;
  const event = json.event;
  return isCount(json.id) && typeof event === "object" && event !== null && "name" in event;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

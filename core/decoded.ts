/** Why bytes or text could not be read. `atOffset` is the first octet (or character) that is wrong or missing. */
export interface Undecodable {
  readonly ok: false;
  readonly reason: "truncated" | "malformed";
  readonly atOffset: number;
}

/** Outcome of reading hostile input: a record, or why there is none. Never an exception. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | Undecodable;

export function ok<T>(value: T): Decoded<T> {
  return { ok: true, value };
}

/** The input ends at `atOffset`, before the record does. */
export function truncated(atOffset: number): Undecodable {
  return { ok: false, reason: "truncated", atOffset };
}

/** What stands at `atOffset` is not of the format. */
export function malformed(atOffset: number): Undecodable {
  return { ok: false, reason: "malformed", atOffset };
}

import type { ProtocolName } from "./protocol.ts";

/** Looks at the payload of one segment or datagram, `bytes[from]` to `bytes[to - 1]`, never beyond; allocates nothing. */
export type Matcher = (bytes: Uint8Array, from: number, to: number, source: number, destination: number) => boolean;

export type Transport = "tcp" | "udp" | "both";

export interface Signature {
  readonly name: ProtocolName;
  readonly over: Transport;
  /** What the first octet can be; undefined: anything. */
  readonly first: readonly number[] | undefined;
  readonly matches: Matcher;
}

/** From `low` to `high`, both included. */
export function range(low: number, high: number): readonly number[] {
  return Array.from({ length: high - low + 1 }, (_, i) => low + i);
}

export function signature(
  name: ProtocolName,
  over: Transport,
  first: readonly number[] | undefined,
  matches: Matcher,
): Signature {
  return { name, over, first, matches };
}

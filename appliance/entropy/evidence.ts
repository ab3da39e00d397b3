import type { Counts } from "./histogram.ts";
import type { Format } from "./recognise-format.ts";
import type { Protocol } from "./recognise-protocol.ts";

/** Octets of a window: longer ones say little more. */
export const WINDOW_BYTES = 4096;

/** What is known of one direction of a session when it is judged. */
export interface Evidence {
  /** Of the sample; null: shorter than 64 octets. */
  readonly randomness: number | null;
  /** Of the sample, corrected for its size. */
  readonly entropyBitsPerByte: number;
  /** Histogram of the sample: `counts[base]` to `counts[base + 255]`, `total` octets; undefined: given back already. */
  readonly counts: Counts | undefined;
  readonly base: number;
  readonly total: number;
  /** Of the first octets of the direction. */
  readonly format: Format;
  /** Of the session. */
  readonly protocol: Protocol | undefined;
  /** Bits of first-packet.ts of the first packet with payload in this direction; 0: not looked at. */
  readonly firstPacket: number;
  /** Octets of the sample in their order, at most WINDOW_BYTES; kept only where neither protocol nor format is known. */
  readonly window: Uint8Array | undefined;
  /** The least randomness of any window of the direction; null: none was long enough. */
  readonly flattestRandomness: number | null;
}

/** Evidence of which nothing is known: what a caller has, it puts in its place. */
export const NO_EVIDENCE: Evidence = {
  randomness: null,
  entropyBitsPerByte: 0,
  counts: undefined,
  base: 0,
  total: 0,
  format: 0,
  protocol: undefined,
  firstPacket: 0,
  window: undefined,
  flattestRandomness: null,
};

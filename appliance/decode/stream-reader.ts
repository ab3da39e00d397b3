/**
 * Reads both byte streams of one TCP session, each in order. Side 0 is the low endpoint of the five-tuple, 1 the high one; which of
 * them is the client, the reader finds out. Octets are valid only during the call.
 */
export interface StreamReader {
  /** `bytes[from]` to `bytes[to - 1]` come next from `side`, at `timeUs` (Unix microseconds). A call is one segment, or the rest of it. */
  data(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void;
  /** `count` octets of `side` were never seen. */
  gap(side: number, count: number): void;
  /** Nothing more will come: reports what is pending. */
  end(): void;
  /** It wants no more; whoever holds it lets it go, after `end`. */
  readonly done: boolean;
}

/** Reads the datagrams of one UDP session, as they came. */
export interface DatagramReader {
  /** One datagram of `side`. */
  datagram(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void;
  end(): void;
  readonly done: boolean;
}

import type { HttpRequest } from "./request.ts";

/** A request, who sent it and when its first octet came, and the status of its response; null when none could be matched. */
export interface HttpTransaction extends Omit<HttpRequest, "endOffset"> {
  readonly side: number;
  /** Unix microseconds. */
  readonly timeUs: number;
  readonly status: number | null;
}

/** What a request takes beside its texts. */
const REQUEST_BYTES = 256;

/** Characters of its texts. */
export function textBytes({ method, uri, host, userAgent, referer }: Omit<HttpRequest, "endOffset">): number {
  return method.length + uri.length + (host?.length ?? 0) + (userAgent?.length ?? 0) + (referer?.length ?? 0);
}

/** Octets that a request takes while it waits for its response. */
export function waitingBytes(request: Omit<HttpRequest, "endOffset">): number {
  return REQUEST_BYTES + textBytes(request);
}

/** `session` is the number that the reader was given: so that one sink does for all readers. */
export type HttpSink = (transaction: HttpTransaction, session: number) => void;

/** What the limits of the readers dropped; one object for all of them. */
export interface HttpCounters {
  /** Requests reported without a status because too many waited for theirs. */
  httpPendingDropped: number;
  /** Headers longer than what is kept of one: their requests are reported with what was read. */
  httpHeadsCut: number;
  /** Dynamic tables of HPACK that may be larger than what is kept of one. */
  hpackTablesCut: number;
}

export function zeroHttpCounters(): HttpCounters {
  return { httpPendingDropped: 0, httpHeadsCut: 0, hpackTablesCut: 0 };
}

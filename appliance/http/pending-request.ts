import type { HttpTransaction } from "./http-transaction.ts";
import type { HttpRequest } from "./request.ts";

/** A request that waits for its response. */
export interface PendingRequest {
  readonly request: HttpRequest;
  /** Unix microseconds, of the first octet of its head. */
  readonly timeUs: number;
}

/** What is reported of one that `side` sent; without a status when the response can't come any more. */
export function transactionOf(
  { request, timeUs }: PendingRequest,
  side: number,
  status: number | null,
): HttpTransaction {
  const { method, uri, version, host, userAgent, referer } = request;
  return { method, uri, version, host, userAgent, referer, side, timeUs, status };
}

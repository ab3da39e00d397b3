import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import { Body } from "./body.ts";
import { HeadBuffer } from "./head-buffer.ts";
import type { HeaderFields } from "./header-fields.ts";
import type { PendingRequest } from "./pending-request.ts";

/**
 * Where a side is: before a message; in its head, of which the rest hasn't come; in its body; in a body that ends with the
 * session; where nobody knows what the octets are.
 */
export type Place = "start" | "head" | "body" | "untilClose" | "lost";

/** Most heads come whole, most requests have no body, and most sides have nothing that waits: what none of them changes is shared. */
const NO_HEAD = new HeadBuffer(ownAllowance());
const NO_BODY = new Body();
const NO_PENDING: (PendingRequest | undefined)[] = [];

/** One side of a session of HTTP/1: where its octets are, and its requests that wait. */
export class HttpSide {
  place: Place = "start";
  head = NO_HEAD;
  body = NO_BODY;
  /** When the first octet of the head came. */
  headTimeUs = 0;
  /** Without a response so far, the oldest first; undefined: reported already, since there was no room for it. */
  pending = NO_PENDING;

  push(request: PendingRequest | undefined): void {
    if (this.pending.length === 0) this.pending = [request];
    else this.pending.push(request);
  }

  /** The oldest that waits. */
  shift(): PendingRequest | undefined {
    const first = this.pending.shift();
    if (this.pending.length === 0) this.pending = NO_PENDING;
    return first;
  }

  /** The latest that waits. */
  pop(): PendingRequest | undefined {
    const last = this.pending.pop();
    if (this.pending.length === 0) this.pending = NO_PENDING;
    return last;
  }

  dropPending(): void {
    this.pending = NO_PENDING;
  }

  /** What there is of the head that comes in parts. */
  partialHead(allowance: Allowance): HeadBuffer {
    if (this.head === NO_HEAD) this.head = new HeadBuffer(allowance);
    return this.head;
  }

  dropHead(): void {
    this.head.release();
    this.head = NO_HEAD;
  }

  /** Behind a head with these fields: RFC 9112, section 6.3. */
  beginBody(of: "none" | "request" | "response", fields: HeaderFields): void {
    const isChunked = of !== "none" && fields.chunked;
    const length = of === "none" ? 0 : fields.contentLength;
    if (!isChunked && length < 0) this.place = of === "response" ? "untilClose" : "start";
    else if (!isChunked && length === 0) this.place = "start";
    else {
      if (this.body === NO_BODY) this.body = new Body();
      this.place = "body";
      if (isChunked) this.body.beginChunks();
      else this.body.beginLength(length);
    }
  }

  endBody(): void {
    this.place = "start";
    this.body = NO_BODY;
  }
}

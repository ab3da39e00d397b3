/** Tags of X.690, section 8, that certificates and signatures are made of. */
export const TAG_INTEGER = 0x02;
export const TAG_OCTET_STRING = 0x04;
export const TAG_OBJECT_IDENTIFIER = 0x06;
export const TAG_SEQUENCE = 0x30;
export const TAG_SET = 0x31;
/** [0], constructed. */
export const TAG_CONTEXT_0 = 0xa0;

const LONG_FORM = 0x80;
const LENGTH_MAX_OCTETS = 4;
/** Low five bits of a tag whose number follows (X.690, section 8.1.2.4): none of ours. */
const TAG_NUMBER_FOLLOWS = 0x1f;

/**
 * Walks the values of a DER structure, one after the other (X.690, section 10; longer forms of a length than needed are
 * taken as well). It stays between `from` and `to` whatever the octets say.
 */
export class DerCursor {
  /** Of the value that `next` found. */
  tag = 0;
  /** Its first octet, tag included. */
  start = 0;
  /** Its contents. */
  from = 0;
  to = 0;
  readonly bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  /** False at the end, and where no whole value follows. */
  next(): boolean {
    const { bytes } = this;
    let at = this.#at;
    if (at + 2 > this.#end) return false;
    const tag = bytes[at] as number;
    let length = bytes[at + 1] as number;
    at += 2;
    if ((tag & TAG_NUMBER_FOLLOWS) === TAG_NUMBER_FOLLOWS) return false;
    if (length >= LONG_FORM) {
      const octets = length - LONG_FORM;
      if (octets === 0 || octets > LENGTH_MAX_OCTETS || at + octets > this.#end) return false;
      length = 0;
      for (const lengthEnd = at + octets; at < lengthEnd; at++) length = length * 256 + (bytes[at] as number);
    }
    if (length > this.#end - at) return false;
    this.tag = tag;
    this.start = this.#at;
    this.from = at;
    this.to = at + length;
    this.#at = this.to;
    return true;
  }

  /** The next value, if it has this tag; else nothing is taken. */
  take(tag: number): boolean {
    if (this.#at >= this.#end || this.bytes[this.#at] !== tag) return false;
    return this.next();
  }

  /** Walks what is within the value that was found. */
  inside(): DerCursor {
    return new DerCursor(this.bytes, this.from, this.to);
  }

  /** Takes the next value and walks what is within it; undefined when it has another tag. */
  enter(tag: number): DerCursor | undefined {
    return this.take(tag) ? this.inside() : undefined;
  }

  /** Itself, behind the next value; undefined when that has another tag. */
  after(tag: number): DerCursor | undefined {
    return this.take(tag) ? this : undefined;
  }
}

/** "2.5.4.3" (X.690, section 8.19); undefined when it is none. */
export function renderObjectIdentifier(bytes: Uint8Array, from: number, to: number): string | undefined {
  if (from >= to || ((bytes[to - 1] as number) & 0x80) !== 0) return undefined;
  const arcs: number[] = [];
  let arc = 0;
  for (let at = from; at < to; at++) {
    const octet = bytes[at] as number;
    arc = arc * 128 + (octet & 0x7f);
    if (!Number.isSafeInteger(arc)) return undefined;
    if ((octet & 0x80) !== 0) continue;
    if (arcs.length === 0) {
      const root = Math.min(2, Math.floor(arc / 40));
      arcs.push(root, arc - 40 * root);
    } else arcs.push(arc);
    arc = 0;
  }
  return arcs.join(".");
}

import type { Allowance } from "../decode/reader-budget.ts";
import type { TlsCounters } from "./tls-counters.ts";
import { isHandshakeType, keptBytes, type TlsDialogue } from "./tls-dialogue.ts";

/** Type and length (RFC 8446, section 4). */
const HEADER_BYTES = 4;
/** A longer one is ciphertext that is taken for a message. */
const MESSAGE_MAX_BYTES = 1 << 18;
const FIRST_BUFFER_BYTES = 2048;
const EMPTY = new Uint8Array(0);

/** Puts together the handshake messages of one side, from octets split anywhere. */
export class TlsMessages {
  readonly #side: number;
  readonly #dialogue: TlsDialogue;
  readonly #counters: TlsCounters;
  readonly #allowance: Allowance;
  #headerBytes = 0;
  #type = 0;
  #length = 0;
  /** Octets of the body that are to come. */
  #remaining = 0;
  #keep = 0;
  #buffer = EMPTY;
  #kept = 0;
  #timeUs = 0;

  constructor(side: number, dialogue: TlsDialogue, counters: TlsCounters, allowance: Allowance) {
    this.#side = side;
    this.#allowance = allowance;
    this.#dialogue = dialogue;
    this.#counters = counters;
  }

  /** Octets of handshake records; false when they can be no message: the side is encrypted. */
  read(bytes: Uint8Array, from: number, to: number, timeUs: number): boolean {
    let at = from;
    while (at < to) {
      if (this.#headerBytes < HEADER_BYTES) {
        if (this.#headerBytes === 0) this.#timeUs = timeUs;
        if (!this.#readHeaderOctet(bytes[at++] as number)) return false;
        if (this.#headerBytes === HEADER_BYTES && this.#remaining === 0) this.#give(EMPTY);
        continue;
      }
      const end = Math.min(to, at + this.#remaining);
      if (this.#kept === 0 && end - at === this.#length)
        this.#give(bytes.subarray(at, at + Math.min(this.#keep, this.#length)));
      else {
        this.#store(bytes, at, end);
        this.#remaining -= end - at;
        if (this.#remaining === 0) this.flush();
      }
      at = end;
    }
    return true;
  }

  /** `count` octets were not seen. False when it isn't known any more where a message starts. */
  skip(count: number): boolean {
    if (this.#headerBytes < HEADER_BYTES || count > this.#remaining) {
      this.flush();
      return false;
    }
    this.#remaining -= count;
    this.#giveKept();
    if (this.#remaining === 0) this.#headerBytes = 0;
    return true;
  }

  /** Gives what was kept of a message that doesn't go on. */
  flush(): void {
    this.#giveKept();
    this.#headerBytes = 0;
    this.#remaining = 0;
  }

  #readHeaderOctet(octet: number): boolean {
    if (this.#headerBytes === 0) {
      if (!isHandshakeType(octet)) return false;
      this.#type = octet;
      this.#length = 0;
    } else this.#length = (this.#length << 8) | octet;
    if (++this.#headerBytes < HEADER_BYTES) return true;
    if (this.#length > MESSAGE_MAX_BYTES) return false;
    this.#remaining = this.#length;
    this.#keep = keptBytes(this.#type);
    if (this.#keep > 0 && this.#length > this.#keep) this.#counters.tlsMessagesCut++;
    return true;
  }

  #store(bytes: Uint8Array, from: number, to: number): void {
    const count = Math.min(to - from, this.#keep - this.#kept);
    if (count <= 0) return;
    const needed = this.#kept + count;
    if (needed > this.#buffer.length && !this.#grow(needed)) {
      this.#keep = this.#kept;
      return;
    }
    this.#buffer.set(bytes.subarray(from, from + count), this.#kept);
    this.#kept = needed;
  }

  /** Grows with what has come, not with what a length says is to come. */
  #grow(needed: number): boolean {
    const size = Math.min(this.#keep, Math.max(FIRST_BUFFER_BYTES, 2 * needed));
    if (!this.#allowance.take(size - this.#buffer.length)) return false;
    const larger = new Uint8Array(size);
    larger.set(this.#buffer.subarray(0, this.#kept));
    this.#buffer = larger;
    return true;
  }

  /** After a gap nothing more is kept of a message. */
  #giveKept(): void {
    if (this.#headerBytes === HEADER_BYTES && (this.#kept > 0 || this.#remaining === 0))
      this.#dialogue.message(this.#side, this.#type, this.#buffer.subarray(0, this.#kept), this.#timeUs);
    this.#allowance.give(this.#buffer.length);
    this.#buffer = EMPTY;
    this.#kept = 0;
    this.#keep = 0;
  }

  #give(body: Uint8Array): void {
    this.#headerBytes = 0;
    this.#remaining = 0;
    this.#dialogue.message(this.#side, this.#type, body, this.#timeUs);
  }
}

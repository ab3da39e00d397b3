import type { Allowance } from "../decode/reader-budget.ts";
import type { TlsCounters } from "./tls-counters.ts";
import type { TlsDialogue } from "./tls-dialogue.ts";
import { TlsMessages } from "./tls-messages.ts";
import {
  RECORD_APPLICATION_DATA,
  RECORD_CHANGE_CIPHER_SPEC,
  RECORD_HANDSHAKE,
  RECORD_HEADER_BYTES,
  RECORD_HEARTBEAT,
  RECORD_MAX_BYTES,
} from "./tls-record.ts";

const VERSION_MAJOR = 3;
const VERSION_MINOR_MAX = 4;
const ALERT = 21;
/** Most significant bit of an SSL 2.0 record's length (two octets, no padding). */
const SSL2_BIT = 0x80;
const SSL2_CLIENT_HELLO = 1;
const SSL2_HEADER_BYTES = 2;
/** Segments without a record at their start after which a side is taken for encrypted. */
const LOST_SEGMENTS_MAX = 32;

/**
 * Finds the records of one side in its octets (RFC 8446, section 5.1). Where octets are no record, or after a gap over a
 * record's end, the next is looked for at the start of each segment.
 */
export class TlsRecords {
  /** Records so far, and those since the side is encrypted. */
  count = 0;
  encryptedRecords = 0;
  readonly #side: number;
  readonly #dialogue: TlsDialogue;
  readonly #counters: TlsCounters;
  readonly #messages: TlsMessages;
  #headerBytes = 0;
  #type = 0;
  #length = 0;
  /** Octets of the record that are to come. */
  #remaining = 0;
  /** What of the record is to come is handshake messages in clear. */
  #inClear = false;
  #encrypted = false;
  #isSsl2 = false;
  #lostSegments = 0;

  constructor(side: number, dialogue: TlsDialogue, counters: TlsCounters, allowance: Allowance) {
    this.#side = side;
    this.#dialogue = dialogue;
    this.#counters = counters;
    this.#messages = new TlsMessages(side, dialogue, counters, allowance);
  }

  read(bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    let at = from;
    while (at < to) {
      if (this.#remaining > 0) {
        const end = Math.min(to, at + this.#remaining);
        if (this.#inClear && !this.#messages.read(bytes, at, end, timeUs)) this.#endClear();
        this.#remaining -= end - at;
        at = end;
      } else if (this.#readHeaderOctet(bytes[at] as number)) {
        at++;
        if (this.#headerBytes === RECORD_HEADER_BYTES) this.#begin(timeUs);
      } else {
        this.#lose();
        return;
      }
    }
  }

  skip(count: number): void {
    if (this.#remaining > 0 && count <= this.#remaining) {
      this.#remaining -= count;
      if (this.#inClear && !this.#messages.skip(count)) this.#inClear = false;
      return;
    }
    this.#messages.flush();
    this.#remaining = 0;
    this.#lose();
  }

  /** The side ends here. */
  flush(): void {
    this.#messages.flush();
  }

  /** False where an octet can't stand in a header. */
  #readHeaderOctet(octet: number): boolean {
    switch (this.#headerBytes++) {
      case 0:
        this.#type = octet;
        this.#isSsl2 = this.count === 0 && (octet & SSL2_BIT) !== 0;
        return this.#isSsl2 || (octet >= RECORD_CHANGE_CIPHER_SPEC && octet <= RECORD_HEARTBEAT);
      case 1:
        this.#length = octet;
        return this.#isSsl2 || octet === VERSION_MAJOR;
      case 2:
        return this.#isSsl2 ? octet === SSL2_CLIENT_HELLO : octet <= VERSION_MINOR_MAX;
      case 3:
        if (this.#isSsl2) return octet === 0 || octet === VERSION_MAJOR;
        this.#length = octet << 8;
        return true;
      default:
        if (this.#isSsl2) return octet <= VERSION_MINOR_MAX;
        this.#length |= octet;
        return this.#length <= RECORD_MAX_BYTES && (this.#length > 0 || this.#type === RECORD_APPLICATION_DATA);
    }
  }

  /** After a whole header. */
  #begin(timeUs: number): void {
    this.#headerBytes = 0;
    this.#inClear = false;
    this.#lostSegments = 0;
    this.count++;
    if (this.#isSsl2) {
      const length = ((this.#type & ~SSL2_BIT) << 8) | this.#length;
      this.#remaining = Math.max(0, length - (RECORD_HEADER_BYTES - SSL2_HEADER_BYTES));
      this.#dialogue.clientIs(this.#side, timeUs);
      return;
    }
    this.#remaining = this.#length;
    if (this.#encrypted) this.encryptedRecords++;
    else if (this.#type === RECORD_HANDSHAKE) this.#inClear = true;
    else if (this.#type !== ALERT && this.#type !== RECORD_HEARTBEAT) this.#endClear();
  }

  #endClear(): void {
    this.#inClear = false;
    this.#encrypted = true;
    this.#messages.flush();
    this.#dialogue.encrypted(this.#side);
  }

  #lose(): void {
    this.#headerBytes = 0;
    this.#counters.tlsRecordsLost++;
    if (++this.#lostSegments === LOST_SEGMENTS_MAX && !this.#encrypted) this.#endClear();
  }
}

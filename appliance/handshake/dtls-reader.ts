import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import type { DatagramReader } from "../decode/stream-reader.ts";
import { uint16At } from "./client-hello.ts";
import { type DtlsCounters, zeroDtlsCounters } from "./dtls-counters.ts";
import { DtlsMessages } from "./dtls-messages.ts";
import {
  DTLS_CHANGE_CIPHER_SPEC,
  DTLS_HANDSHAKE,
  DTLS_HEADER_BYTES,
  hasDtlsVersion,
  isDtlsEncrypted,
} from "./dtls-record.ts";
import type { HandshakeSink } from "./handshake-facts.ts";
import { TlsDialogue } from "./tls-dialogue.ts";

/** Datagrams in which the handshake is looked for. */
const DATAGRAMS_MAX = 128;
/** Records of one datagram. */
const RECORDS_MAX = 32;
const LENGTH_AT = 11;

/**
 * Reads the handshake of DTLS 1.0, 1.2 and 1.3 (RFC 4347, 6347, 9147): records of the first epoch, in which messages lie in
 * fragments. What is no record is passed over: other protocols share the ports (RFC 7983).
 */
export class DtlsReader implements DatagramReader {
  readonly #dialogue: TlsDialogue;
  readonly #counters: DtlsCounters;
  readonly #allowance: Allowance;
  readonly #sides: readonly [DtlsMessages, DtlsMessages];
  readonly #encrypted: [boolean, boolean] = [false, false];
  #datagrams = 0;
  #timeUs = 0;

  constructor(sink: HandshakeSink, counters: DtlsCounters = zeroDtlsCounters(), allowance: Allowance = ownAllowance()) {
    this.#dialogue = new TlsDialogue("DTLS", sink, allowance);
    this.#counters = counters;
    this.#allowance = allowance;
    this.#sides = [
      new DtlsMessages(0, this.#dialogue, counters, allowance),
      new DtlsMessages(1, this.#dialogue, counters, allowance),
    ];
  }

  get done(): boolean {
    return this.#dialogue.done;
  }

  datagram(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    if (this.done) return;
    this.#timeUs = timeUs;
    if (++this.#datagrams > DATAGRAMS_MAX) {
      this.#counters.dtlsHandshakesGivenUp++;
      this.end();
      return;
    }
    let at = from;
    for (let i = 0; i < RECORDS_MAX && !this.done; i++) {
      const content = at + DTLS_HEADER_BYTES;
      if (content > to || !hasDtlsVersion(bytes, at)) return;
      const end = content + uint16At(bytes, at + LENGTH_AT);
      if (end > to) return;
      if (isDtlsEncrypted(bytes, at) || bytes[at] === DTLS_CHANGE_CIPHER_SPEC) this.#endClear(side);
      else if (bytes[at] === DTLS_HANDSHAKE) this.#messagesOf(side).read(bytes, content, end, timeUs);
      at = end;
    }
  }

  end(): void {
    for (const messages of this.#sides) messages.flush(this.#timeUs);
    this.#dialogue.finish();
    this.#allowance.giveAll();
  }

  /** What `side` sends from here on is encrypted; what it sent before may still come. */
  #endClear(side: number): void {
    this.#encrypted[side === 0 ? 0 : 1] = true;
    if (this.#encrypted[0] && this.#encrypted[1]) this.end();
  }

  #messagesOf(side: number): DtlsMessages {
    return this.#sides[side === 0 ? 0 : 1];
  }
}

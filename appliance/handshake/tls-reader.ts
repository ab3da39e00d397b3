import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import type { StreamReader } from "../decode/stream-reader.ts";
import type { HandshakeSink } from "./handshake-facts.ts";
import { type TlsCounters, zeroTlsCounters } from "./tls-counters.ts";
import { TlsDialogue } from "./tls-dialogue.ts";
import { TlsRecords } from "./tls-records.ts";

/** Records of one side, once it is encrypted, after which the other is waited for no longer. */
const ENCRYPTED_RECORDS_MAX = 32;
const RECORDS_MAX = 512;

/**
 * Reads the handshake of TLS 1.0 to 1.3 and SSL 3.0, also from a ClientHello in the form of SSL 2.0: of the records only those in
 * clear are looked into, the others are skipped by their length. A stream may start with any record; a side that
 * sends something else before is waited for.
 */
export class TlsReader implements StreamReader {
  readonly #dialogue: TlsDialogue;
  readonly #sides: readonly [TlsRecords, TlsRecords];
  readonly #counters: TlsCounters;
  readonly #allowance: Allowance;

  constructor(sink: HandshakeSink, counters: TlsCounters = zeroTlsCounters(), allowance: Allowance = ownAllowance()) {
    this.#dialogue = new TlsDialogue("TLS", sink, allowance);
    this.#counters = counters;
    this.#allowance = allowance;
    this.#sides = [
      new TlsRecords(0, this.#dialogue, counters, allowance),
      new TlsRecords(1, this.#dialogue, counters, allowance),
    ];
  }

  get done(): boolean {
    return this.#dialogue.done;
  }

  data(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    if (this.#dialogue.done) return;
    const records = side === 0 ? this.#sides[0] : this.#sides[1];
    records.read(bytes, from, to, timeUs);
    if (records.encryptedRecords > ENCRYPTED_RECORDS_MAX || records.count > RECORDS_MAX) this.#giveUp();
  }

  gap(side: number, count: number): void {
    if (this.#dialogue.done) return;
    (side === 0 ? this.#sides[0] : this.#sides[1]).skip(count);
  }

  end(): void {
    this.#sides[0].flush();
    this.#sides[1].flush();
    this.#dialogue.finish();
    this.#allowance.giveAll();
  }

  #giveUp(): void {
    if (this.#dialogue.done) return;
    this.#counters.tlsHandshakesGivenUp++;
    this.end();
  }
}

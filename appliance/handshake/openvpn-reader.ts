import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import type { DatagramReader } from "../decode/stream-reader.ts";
import type { HandshakeSink } from "./handshake-facts.ts";
import { type OpenVpnCounters, zeroOpenVpnCounters } from "./openvpn-counters.ts";
import { OpenVpnPacket } from "./openvpn-packet.ts";
import { type TlsCounters, zeroTlsCounters } from "./tls-counters.ts";
import { TlsReader } from "./tls-reader.ts";

/** Packets in which the handshake is looked for. */
const PACKETS_MAX = 512;
/** Messages of a side that wait for one before them, and how far ahead they may be. */
const AHEAD_MAX = 16;
/** Octets of such a message: OpenVPN's own buffers have as many. */
const WAITING_MAX_BYTES = 2048;
/** Handshakes that are begun anew, because one of both sides had no answer. */
const RESTARTS_MAX = 8;
/** The reset that opens a side's session has id 0. */
const FIRST_MESSAGE = 1;

/** One side's session and its messages. */
class Side {
  isKnown = false;
  sessionHigh = 0;
  sessionLow = 0;
  next = FIRST_MESSAGE;
  readonly waiting = new Map<number, Uint8Array>();

  opens(packet: OpenVpnPacket): void {
    this.isKnown = true;
    this.sessionHigh = packet.sessionHigh;
    this.sessionLow = packet.sessionLow;
  }

  isOf(packet: OpenVpnPacket): boolean {
    return packet.sessionHigh === this.sessionHigh && packet.sessionLow === this.sessionLow;
  }
}

/**
 * Reads the TLS handshake in OpenVPN's control channel, where no --tls-crypt hides it: the messages of each side's session are put in
 * order by their ids. Only the first key's handshake is read. Who is the client, TLS says.
 * Source: OpenVPN's doc/doxygen, "Network protocol" and "Reliability layer".
 */
export class OpenVpnReader implements DatagramReader {
  readonly #sink: HandshakeSink;
  readonly #counters: OpenVpnCounters & TlsCounters;
  readonly #allowance: Allowance;
  readonly #packet = new OpenVpnPacket();
  #tls: TlsReader;
  #sides: readonly [Side, Side] = [new Side(), new Side()];
  #packets = 0;
  #restarts = 0;

  constructor(
    sink: HandshakeSink,
    counters: OpenVpnCounters & TlsCounters = { ...zeroOpenVpnCounters(), ...zeroTlsCounters() },
    allowance: Allowance = ownAllowance(),
  ) {
    this.#allowance = allowance;
    this.#sink = (facts) => sink({ ...facts, protocol: "OpenVPN" });
    this.#counters = counters;
    this.#tls = new TlsReader(this.#sink, counters, allowance);
  }

  get done(): boolean {
    return this.#tls.done;
  }

  /** A packet; over TCP, without the length before it. */
  datagram(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    if (this.done) return;
    if (++this.#packets > PACKETS_MAX) {
      this.#giveUp();
      return;
    }
    const packet = this.#packet;
    if (!packet.read(bytes, from, to) || packet.keyId !== 0) return;
    if (packet.isReset) this.#reset(side);
    else this.#message(side, bytes, to, timeUs);
  }

  end(): void {
    this.#tls.end(); // with the allowance of both
    for (const side of this.#sides) side.waiting.clear();
  }

  #giveUp(): void {
    this.#counters.openVpnHandshakesGivenUp++;
    this.end();
  }

  /** The same again where it had no answer; another where a handshake begins anew. */
  #reset(side: number): void {
    const packet = this.#packet;
    let own = this.#sideOf(side);
    if (own.isKnown && own.isOf(packet)) return;
    if (own.isKnown) {
      if (++this.#restarts > RESTARTS_MAX) {
        this.#giveUp();
        return;
      }
      this.#tls.end();
      this.#tls = new TlsReader(this.#sink, this.#counters, this.#allowance);
      this.#sides = [new Side(), new Side()];
      own = this.#sideOf(side);
    }
    own.opens(packet);
  }

  #message(side: number, bytes: Uint8Array, to: number, timeUs: number): void {
    const packet = this.#packet;
    const own = this.#sideOf(side);
    if (!own.isKnown) own.opens(packet);
    if (!own.isOf(packet)) return;
    if (packet.messageId === own.next) {
      this.#give(side, own, bytes, packet.payloadAt, to, timeUs);
      this.#goOn(side, own, timeUs);
    } else if (packet.messageId > own.next) this.#keep(own, packet.messageId, bytes.subarray(packet.payloadAt, to));
  }

  #sideOf(side: number): Side {
    return this.#sides[side === 0 ? 0 : 1];
  }

  #give(side: number, own: Side, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    own.next++;
    if (to > from) this.#tls.data(side, bytes, from, to, timeUs);
  }

  #keep(own: Side, id: number, payload: Uint8Array): void {
    if (own.waiting.has(id)) return;
    if (id - own.next > AHEAD_MAX || payload.length > WAITING_MAX_BYTES || !this.#allowance.take(payload.length))
      this.#counters.openVpnMessagesDropped++;
    else own.waiting.set(id, new Uint8Array(payload)); // a slice of a Buffer is no copy
  }

  #goOn(side: number, own: Side, timeUs: number): void {
    for (;;) {
      const payload = own.waiting.get(own.next);
      if (payload === undefined || this.done) return;
      own.waiting.delete(own.next);
      this.#allowance.give(payload.length);
      this.#give(side, own, payload, 0, payload.length, timeUs);
    }
  }
}

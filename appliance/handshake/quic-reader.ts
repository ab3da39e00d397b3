import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import type { DatagramReader } from "../decode/stream-reader.ts";
import { readGoogleClientHello, readGoogleCrypto } from "./google-quic.ts";
import { type HandshakeSink, UNSEEN } from "./handshake-facts.ts";
import { PieceBuffer } from "./piece-buffer.ts";
import { type QuicCounters, zeroQuicCounters } from "./quic-counters.ts";
import { readCryptoFrames } from "./quic-frames.ts";
import { InitialKeys } from "./quic-initial-keys.ts";
import { LongHeader, uint32At } from "./quic-packet.ts";
import { type QuicVersion, quicVersionOf } from "./quic-version.ts";
import { MESSAGE_CLIENT_HELLO, MESSAGE_SERVER_HELLO, TlsDialogue } from "./tls-dialogue.ts";

/** Datagrams in which the hellos are looked for. */
const DATAGRAMS_MAX = 64;
/** Octets of a side's CRYPTO frames that are kept: hellos with post-quantum key shares have about 2,000. */
const CRYPTO_MAX_BYTES = 16_384;
/** Connection ids for which keys are made: a Retry, or a hostile sender, asks for new ones. */
const KEYS_MAX = 8;
/** Packets of one datagram. */
const COALESCED_MAX = 16;
const LONG_HEADER = 0x80;
/** Type and length of a handshake message (RFC 8446, section 4). */
const MESSAGE_HEADER_BYTES = 4;

const HEADER = new LongHeader();

/**
 * Reads the two hellos of a QUIC connection out of its Initial packets, which are protected with keys that anybody can make (RFC
 * 9001, section 5.2; RFC 9369 for version 2; the drafts; Google's T050 and T051), or what a client of Google's earlier versions says in
 * clear. Other packets are not looked into.
 */
export class QuicReader implements DatagramReader {
  readonly #sink: HandshakeSink;
  #dialogue: TlsDialogue;
  readonly #counters: QuicCounters;
  readonly #allowance: Allowance;
  readonly #streams: readonly [PieceBuffer, PieceBuffer];
  #hello: [boolean, boolean] = [false, false];
  #hasClientHello = false;
  /** Of the last packet that was opened: the number of its version. */
  #number = 0;
  #keys: InitialKeys | undefined;
  #keysMade = 0;
  #datagrams = 0;
  #isGoogles = false;

  constructor(sink: HandshakeSink, counters: QuicCounters = zeroQuicCounters(), allowance: Allowance = ownAllowance()) {
    this.#sink = sink;
    this.#dialogue = new TlsDialogue("QUIC", sink, allowance);
    this.#counters = counters;
    this.#allowance = allowance;
    this.#streams = [new PieceBuffer(CRYPTO_MAX_BYTES, allowance), new PieceBuffer(CRYPTO_MAX_BYTES, allowance)];
  }

  get done(): boolean {
    return this.#isGoogles || this.#dialogue.done;
  }

  datagram(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    if (this.done) return;
    if (++this.#datagrams > DATAGRAMS_MAX) {
      this.#counters.quicHandshakesGivenUp++;
      this.end();
      return;
    }
    if (this.#keys === undefined && this.#google(side, bytes, from, to, timeUs)) return;
    let at = from;
    for (let i = 0; i < COALESCED_MAX && at + 7 < to && ((bytes[at] as number) & LONG_HEADER) !== 0; i++) {
      const number = uint32At(bytes, at + 1);
      const version = quicVersionOf(number);
      if (version === undefined || !HEADER.read(bytes, at, to, version)) return;
      at = HEADER.end;
      if (HEADER.initial) this.#initial(side, number, version, timeUs);
      if (this.done) return;
    }
  }

  end(): void {
    this.#dialogue.finish();
    this.#clear();
    this.#allowance.giveAll();
  }

  #clear(): void {
    for (const stream of this.#streams) stream.clear();
  }

  /** Google's QUIC with its own handshake, of which only the client's first message is read. */
  #google(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): boolean {
    const hello = readGoogleClientHello(bytes, from, to);
    if (hello === undefined) return false;
    this.#giveGoogles(side, hello.version, hello.sni, timeUs);
    return true;
  }

  #giveGoogles(side: number, version: string, sni: string | null, timeUs: number): void {
    this.#sink({ ...UNSEEN, protocol: "QUIC", clientSide: side, timeUs, version, sni });
    this.#isGoogles = true;
  }

  #initial(side: number, number: number, version: QuicVersion, timeUs: number): void {
    const payload = this.#open(version);
    if (payload === undefined) return;
    if (this.#number !== number) {
      this.#number = number; // another version: both sides' streams begin again (RFC 9000, section 6.2)
      this.#clear();
      this.#hello = [false, false];
    }
    const stream = this.#streams[side === 0 ? 0 : 1];
    readCryptoFrames(payload, version.frames, (offsetBytes, data) => {
      if (!stream.contradicts(offsetBytes, data))
        this.#counters.quicCryptoBytesDropped += stream.add(offsetBytes, data);
    });
    const google = version.frames === "google" ? readGoogleCrypto(stream.slice(0, stream.contiguousBytes)) : undefined;
    if (google !== undefined) this.#giveGoogles(side, "Q050", google.sni, timeUs);
    else this.#message(side, stream, timeUs);
  }

  /** With the keys at hand; else with those of the packet's own connection id. */
  #open(version: QuicVersion): Uint8Array | undefined {
    const payload = this.#openKnown(version);
    if (payload !== undefined) return payload;
    const { bytes, destinationIdAt, destinationIdEnd } = HEADER;
    const keys = this.#makeKeys(version, bytes.slice(destinationIdAt, destinationIdEnd));
    const first = keys?.openClient(HEADER);
    if (first !== undefined) this.#keys = keys;
    return first;
  }

  /** As the client's or the server's; where the server goes on in another version, its keys follow from the same connection id (RFC 9369, section 4.1). */
  #openKnown(version: QuicVersion): Uint8Array | undefined {
    const known = this.#keys;
    if (known === undefined) return undefined;
    const keys = known.version === version ? known : this.#makeKeys(version, known.destinationId);
    const payload = keys?.openClient(HEADER) ?? keys?.openServer(HEADER);
    if (payload !== undefined) this.#keys = keys;
    return payload;
  }

  #makeKeys(version: QuicVersion, destinationId: Uint8Array): InitialKeys | undefined {
    if (this.#keysMade >= KEYS_MAX) {
      this.#counters.quicPacketsWithoutKeys++;
      return undefined;
    }
    this.#keysMade++;
    return new InitialKeys(version, destinationId);
  }

  /** The first message of a side, once it is whole. */
  #message(side: number, stream: PieceBuffer, timeUs: number): void {
    if (this.#hello[side === 0 ? 0 : 1] || stream.contiguousBytes < MESSAGE_HEADER_BYTES) return;
    const header = stream.slice(0, MESSAGE_HEADER_BYTES);
    const type = header[0] as number;
    if (type !== MESSAGE_CLIENT_HELLO && type !== MESSAGE_SERVER_HELLO) return;
    const end = MESSAGE_HEADER_BYTES + (uint32At(header, 0) & 0xffffff);
    if (stream.contiguousBytes < end) return;
    this.#hello[side === 0 ? 0 : 1] = true;
    if (type === MESSAGE_CLIENT_HELLO) {
      // the server didn't know the version: the client says all again in another
      if (this.#hasClientHello) this.#dialogue = new TlsDialogue("QUIC", this.#sink, this.#allowance);
      this.#hasClientHello = true;
    }
    this.#dialogue.message(side, type, stream.slice(MESSAGE_HEADER_BYTES, end), timeUs);
    stream.clear();
  }
}

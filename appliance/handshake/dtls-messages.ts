import type { Allowance } from "../decode/reader-budget.ts";
import { uint16At } from "./client-hello.ts";
import type { DtlsCounters } from "./dtls-counters.ts";
import { PieceBuffer } from "./piece-buffer.ts";
import {
  isHandshakeType,
  keptBytes,
  MESSAGE_CLIENT_HELLO,
  MESSAGE_HELLO_VERIFY_REQUEST,
  MESSAGE_SERVER_HELLO,
  type TlsDialogue,
} from "./tls-dialogue.ts";

/** Type, length, message_seq, fragment_offset, fragment_length (RFC 6347, section 4.2.2). */
const HEADER_BYTES = 12;
/** Messages of a side that wait for one before them, and how far ahead they may be; a flight has fewer. */
const WAITING_MAX = 8;
/** Memory for them all. */
const KEPT_MAX_BYTES = 1 << 16;
const UNKNOWN = -1;
const NOTHING = new Uint8Array(0);

interface Message {
  readonly type: number;
  readonly lengthBytes: number;
  readonly keptBytes: number;
  readonly pieces: PieceBuffer;
}

/**
 * Puts together the handshake messages of one side from their fragments, and gives them in the order of their message_seq from the
 * first hello on.
 */
export class DtlsMessages {
  readonly #side: number;
  readonly #dialogue: TlsDialogue;
  readonly #counters: DtlsCounters;
  readonly #allowance: Allowance;
  readonly #waiting = new Map<number, Message>();
  #next = UNKNOWN;
  #keptBytes = 0;

  constructor(side: number, dialogue: TlsDialogue, counters: DtlsCounters, allowance: Allowance) {
    this.#side = side;
    this.#allowance = allowance;
    this.#dialogue = dialogue;
    this.#counters = counters;
  }

  /** The content of one handshake record in clear. */
  read(bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    let at = from;
    while (at + HEADER_BYTES <= to && !this.#dialogue.done) {
      const end = at + HEADER_BYTES + uint24At(bytes, at + 9);
      if (end > to || !isHandshakeType(bytes[at] as number)) return;
      this.#fragment(bytes, at, end, timeUs);
      at = end;
    }
  }

  /** The side ends here: gives what has come, up to the first hole of each message. */
  flush(timeUs: number): void {
    for (const sequence of [...this.#waiting.keys()].sort((a, b) => a - b)) this.#give(sequence, timeUs);
  }

  #fragment(bytes: Uint8Array, at: number, end: number, timeUs: number): void {
    const type = bytes[at] as number;
    const sequence = uint16At(bytes, at + 4);
    // servers that keep no state until a client has answered count from 0 again (RFC 6347, section 4.2.1)
    if (type === MESSAGE_HELLO_VERIFY_REQUEST) this.#dialogue.message(this.#side, type, NOTHING, timeUs);
    else {
      if (this.#next === UNKNOWN && isHello(type)) this.#next = sequence;
      if (sequence < this.#next) return; // sent again
      this.#keep(bytes, at, end, sequence);
      this.#giveWhole(timeUs);
    }
  }

  #keep(bytes: Uint8Array, at: number, end: number, sequence: number): void {
    const type = bytes[at] as number;
    const lengthBytes = uint24At(bytes, at + 1);
    const data = bytes.subarray(at + HEADER_BYTES, end);
    let message = this.#waiting.get(sequence);
    if (message === undefined) {
      if (!this.#hasRoom(sequence)) {
        this.#counters.dtlsBytesDropped += data.length;
        return;
      }
      const kept = Math.min(lengthBytes, keptBytes(type));
      message = { type, lengthBytes, keptBytes: kept, pieces: new PieceBuffer(kept, this.#allowance) };
      this.#waiting.set(sequence, message);
    }
    if (message.type !== type || message.lengthBytes !== lengthBytes || message.keptBytes === 0) return;
    if (this.#keptBytes + data.length > KEPT_MAX_BYTES) {
      this.#counters.dtlsBytesDropped += data.length;
      return;
    }
    const before = message.pieces.roomBytes;
    this.#counters.dtlsBytesDropped += message.pieces.add(uint24At(bytes, at + 6), data);
    this.#keptBytes += message.pieces.roomBytes - before;
  }

  #hasRoom(sequence: number): boolean {
    return this.#next === UNKNOWN ? this.#waiting.size < WAITING_MAX : sequence - this.#next < WAITING_MAX;
  }

  /** Gives the messages that have come whole, as much of them as is kept. */
  #giveWhole(timeUs: number): void {
    for (;;) {
      const message = this.#waiting.get(this.#next);
      if (message === undefined || message.pieces.contiguousBytes < message.keptBytes) return;
      this.#give(this.#next++, timeUs);
    }
  }

  #give(sequence: number, timeUs: number): void {
    const message = this.#waiting.get(sequence);
    if (message === undefined) return;
    this.#waiting.delete(sequence);
    const { type, pieces } = message;
    this.#keptBytes -= pieces.roomBytes;
    this.#dialogue.message(this.#side, type, pieces.slice(0, pieces.contiguousBytes), timeUs);
    pieces.clear();
  }
}

function isHello(type: number): boolean {
  return type === MESSAGE_CLIENT_HELLO || type === MESSAGE_SERVER_HELLO;
}

function uint24At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | uint16At(bytes, at + 1);
}

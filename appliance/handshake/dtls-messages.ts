import type { DtlsCounters } from "./dtls-counters.ts";
import { PieceBuffer } from "./piece-buffer.ts";
import { keptBytes, type TlsDialogue } from "./tls-dialogue.ts";

/** Type, length, message_seq, fragment_offset, fragment_length (RFC 6347, section 4.2.2). */
const HEADER_BYTES = 12;
/** Messages of a side that wait for one before them; a flight has fewer. */
const WAITING_MAX = 8;
/** Of those, and of the one that comes next, all together. */
const KEPT_MAX_BYTES = 1 << 16;

interface Message {
  readonly type: number;
  readonly lengthBytes: number;
  readonly pieces: PieceBuffer;
}

/** Puts together the handshake messages of one side from their fragments, and gives them in the order of their message_seq. */
export class DtlsMessages {
  readonly #side: number;
  readonly #dialogue: TlsDialogue;
  readonly #counters: DtlsCounters;
  readonly #messages = new Map<number, Message>();
  #next = 0;
  #keptBytes = 0;

  constructor(side: number, dialogue: TlsDialogue, counters: DtlsCounters) {
    this.#side = side;
    this.#dialogue = dialogue;
    this.#counters = counters;
  }

  /** The content of one handshake record in clear. */
  read(bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    let at = from;
    while (at + HEADER_BYTES <= to && !this.#dialogue.done) {
      const fragmentBytes = uint24At(bytes, at + 9);
      const end = at + HEADER_BYTES + fragmentBytes;
      if (end > to) return;
      this.#fragment(bytes, at, end);
      this.#giveWhole(timeUs);
      at = end;
    }
  }

  #fragment(bytes: Uint8Array, at: number, end: number): void {
    const sequence = ((bytes[at + 4] as number) << 8) | (bytes[at + 5] as number);
    if (sequence < this.#next) return; // sent again
    const data = bytes.subarray(at + HEADER_BYTES, end);
    if (sequence - this.#next >= WAITING_MAX) {
      this.#counters.dtlsBytesDropped += data.length;
      return;
    }
    const type = bytes[at] as number;
    const lengthBytes = uint24At(bytes, at + 1);
    const known = this.#messages.get(sequence);
    const message = known ?? { type, lengthBytes, pieces: new PieceBuffer(Math.min(lengthBytes, keptBytes(type))) };
    if (known === undefined) this.#messages.set(sequence, message);
    else if (known.type !== type || known.lengthBytes !== lengthBytes) return;
    if (this.#keptBytes + data.length > KEPT_MAX_BYTES) {
      this.#counters.dtlsBytesDropped += data.length;
      return;
    }
    this.#keptBytes += data.length;
    message.pieces.add(uint24At(bytes, at + 6), data);
  }

  /** Gives the messages that have come whole, as much of them as is kept. */
  #giveWhole(timeUs: number): void {
    for (;;) {
      const message = this.#messages.get(this.#next);
      if (message === undefined || this.#dialogue.done) return;
      const { type, lengthBytes, pieces } = message;
      const wanted = Math.min(lengthBytes, keptBytes(type));
      if (pieces.contiguousBytes < wanted) return;
      this.#messages.delete(this.#next++);
      if (this.#messages.size === 0) this.#keptBytes = 0;
      this.#dialogue.message(this.#side, type, pieces.slice(0, wanted), timeUs);
    }
  }
}

function uint24At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

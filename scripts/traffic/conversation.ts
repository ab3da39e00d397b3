import type { Ends, FrameWriter } from "./frame-writer.ts";
import type { RandomStream } from "./random-stream.ts";

/** What one end says in one go; the octets are shared by many sessions and stay as they are. */
export interface Message {
  readonly fromServer: boolean;
  readonly bytes: Uint8Array;
}

/** One session; `next` writes its next frame and says whether there are more. */
export interface Conversation {
  next(writer: FrameWriter): boolean;
}

const FIN = 1;
const SYN = 2;
const PSH = 8;
const ACK = 16;
/** Of payload, beside the timestamps, in frames of 1514 octets. */
const SEGMENT_IPV4_BYTES = 1448;
const SEGMENT_IPV6_BYTES = 1428;
const NO_PAYLOAD = new Uint8Array();
/** MSS 1460, SACK permitted, timestamps, window scale 7 (RFC 9293, 2018, 7323). */
const SYN_OPTIONS = Buffer.from("020405b40402080a0000000000000000" + "01030307", "hex");
/** Two no-operations and timestamps (RFC 7323, section 3.2). */
const OPTIONS = Buffer.from("0101080a0000000000000000", "hex");
/** Besides every second segment, one in so many is acknowledged at once. */
const EARLY_ACK_ONCE_IN = 8;

export class UdpConversation implements Conversation {
  readonly #ends: Ends;
  readonly #messages: Iterator<Message>;
  #message: Message | undefined;

  constructor(ends: Ends, messages: Iterable<Message>) {
    this.#ends = ends;
    this.#messages = messages[Symbol.iterator]();
    this.#message = this.#messages.next().value;
  }

  next(writer: FrameWriter): boolean {
    if (this.#message === undefined) return false;
    writer.udp(this.#ends, this.#message.fromServer, this.#message.bytes);
    this.#message = this.#messages.next().value;
    return this.#message !== undefined;
  }
}

type Phase = "syn" | "synAck" | "ack" | "talk" | "fin" | "finAck" | "lastAck";

/** A TCP session (RFC 9293) from its SYN to the acknowledgement of both FINs, the receiver acknowledging as it comes. */
export class TcpConversation implements Conversation {
  readonly #ends: Ends;
  readonly #messages: Iterator<Message>;
  readonly #random: RandomStream;
  readonly #segmentBytes: number;
  #phase: Phase = "syn";
  #clientSequence: number;
  #serverSequence: number;
  #message: Message | undefined;
  #offset = 0;
  #unacknowledged = 0;
  #ackOwed = false;

  constructor(ends: Ends, messages: Iterable<Message>, random: RandomStream) {
    this.#ends = ends;
    this.#messages = messages[Symbol.iterator]();
    this.#random = random;
    this.#segmentBytes = ends.isIpv6 ? SEGMENT_IPV6_BYTES : SEGMENT_IPV4_BYTES;
    this.#clientSequence = random.below(2 ** 32);
    this.#serverSequence = random.below(2 ** 32);
  }

  next(writer: FrameWriter): boolean {
    switch (this.#phase) {
      case "syn":
        this.#send(writer, false, SYN, NO_PAYLOAD, 0, 0);
        this.#phase = "synAck";
        return true;
      case "synAck":
        this.#send(writer, true, SYN | ACK, NO_PAYLOAD, 0, 0);
        this.#phase = "ack";
        return true;
      case "ack":
        this.#send(writer, false, ACK, NO_PAYLOAD, 0, 0);
        this.#phase = "talk";
        this.#message = this.#messages.next().value;
        if (this.#message === undefined) this.#phase = "fin";
        return true;
      case "talk":
        this.#talk(writer);
        return true;
      case "fin":
        this.#send(writer, false, FIN | ACK, NO_PAYLOAD, 0, 0);
        this.#phase = "finAck";
        return true;
      case "finAck":
        this.#send(writer, true, FIN | ACK, NO_PAYLOAD, 0, 0);
        this.#phase = "lastAck";
        return true;
      case "lastAck":
        this.#send(writer, false, ACK, NO_PAYLOAD, 0, 0);
        return false;
    }
  }

  #talk(writer: FrameWriter): void {
    const message = this.#message;
    if (message === undefined) return;
    if (this.#ackOwed) {
      this.#ackOwed = false;
      this.#unacknowledged = 0;
      this.#send(writer, !message.fromServer, ACK, NO_PAYLOAD, 0, 0);
      if (this.#offset === message.bytes.length) this.#turn();
      return;
    }
    const to = Math.min(this.#offset + this.#segmentBytes, message.bytes.length);
    const isLast = to === message.bytes.length;
    this.#send(writer, message.fromServer, isLast ? PSH | ACK : ACK, message.bytes, this.#offset, to);
    this.#offset = to;
    this.#unacknowledged++;
    this.#ackOwed = this.#unacknowledged === 2 || this.#random.isOnceIn(EARLY_ACK_ONCE_IN);
    if (isLast && !this.#ackOwed) this.#turn(); // the answer acknowledges it
  }

  #turn(): void {
    this.#offset = 0;
    this.#unacknowledged = 0;
    this.#message = this.#messages.next().value;
    if (this.#message === undefined) this.#phase = "fin";
  }

  #send(writer: FrameWriter, fromServer: boolean, flags: number, bytes: Uint8Array, from: number, to: number): void {
    const options = (flags & SYN) === 0 ? OPTIONS : SYN_OPTIONS;
    const timeMs = Math.floor(writer.timeUs / 1000) % 2 ** 32;
    options.writeUInt32BE(timeMs, options.length === SYN_OPTIONS.length ? 8 : 4);
    const sequence = fromServer ? this.#serverSequence : this.#clientSequence;
    const other = fromServer ? this.#clientSequence : this.#serverSequence;
    writer.tcp(this.#ends, fromServer, sequence, (flags & ACK) === 0 ? 0 : other, flags, options, bytes, from, to);
    const advanced = (sequence + to - from + ((flags & (SYN | FIN)) === 0 ? 0 : 1)) >>> 0;
    if (fromServer) this.#serverSequence = advanced;
    else this.#clientSequence = advanced;
  }
}

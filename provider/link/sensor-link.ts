import type { WebSocket } from "ws";
import {
  type BaseMessage,
  LINK_VERSION,
  PCAP_MAX_BYTES,
  parseSensorMessage,
  QUERY_MAX_ROWS,
  QUERY_TIMEOUT_MS,
  type SensorMessage,
} from "../../core/contract/link.ts";
import type { PcapSelection } from "../../core/contract/role.ts";
import { ByteQueue } from "./byte-queue.ts";
import { isTable, plainWords, type Rows } from "./sensor-words.ts";

const PING_MS = 10_000;
const SILENCE_MS = 35_000;
const ASKED_MAX = 16;
const PCAP_QUEUE_BYTES = 8 * 1024 * 1024;
/** For the way there and back, beside the time that the query itself may take. */
const ANSWER_GRACE_MS = 15_000;
const PCAP_STALL_MS = 60_000;
/** A sensor that says more than this is cut off: each heartbeat and event is a write to the disk. */
const MESSAGES_MAX = 2000;
const MESSAGES_WINDOW_MS = 10_000;
const WORDS_MAX = 500;
/** Of a message while nothing is asked of the sensor: only an answer may be as long as the link allows. */
const UNASKED_MAX_BYTES = 256 * 1024;
/** A close frame has room for 123 octets of reason (RFC 6455, section 5.5). */
const CLOSE_REASON_MAX = 100;

/** What was asked of a sensor can't be had. */
export class LinkError extends Error {
  override readonly name = "LinkError";
  readonly code: "notConnected" | "failed" | "timeout" | "tooMany" | "broken";
  constructor(code: LinkError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** What a link gives to base. */
export interface LinkEvents {
  hello(message: Extract<SensorMessage, { type: "hello" }>): void;
  heartbeat(message: Extract<SensorMessage, { type: "heartbeat" }>): void;
  /** Returns once it is stored; only then is it acknowledged. Throws when it can't be. */
  event(message: Extract<SensorMessage, { type: "event" }>): void;
  closed(why: string): void;
}

interface Asked {
  rows?(message: Extract<SensorMessage, { type: "rows" }>): void;
  chunk?(octets: Uint8Array): void;
  end?(bytes: number): void;
  fail(error: LinkError): void;
}

/** One live WebSocket of one sensor. */
export class SensorLink {
  readonly #socket: WebSocket;
  readonly #sensorId: string;
  readonly #events: LinkEvents;
  readonly #asked = new Map<number, Asked>();
  readonly #pinging: NodeJS.Timeout;
  #nextId = 1;
  #heardAtMs = performance.now();
  #windowFromMs = performance.now();
  #messagesInWindow = 0;
  #saidHello = false;
  #closedWhy = "";
  /** Messages that this version does not know, or that answer nothing. */
  unknownMessages = 0;

  constructor(socket: WebSocket, sensorId: string, events: LinkEvents) {
    this.#socket = socket;
    this.#sensorId = sensorId;
    this.#events = events;
    socket.on("message", (data, isBinary) => {
      this.#heardAtMs = performance.now();
      try {
        if (isBinary) this.#onBinary(data as Buffer);
        else this.#onText(data as Buffer);
      } catch (error) {
        this.close(`a message could not be taken: ${error instanceof Error ? error.message : "of no known form"}`);
      }
    });
    socket.on("pong", () => {
      this.#heardAtMs = performance.now();
    });
    socket.on("error", (error) => {
      this.#closedWhy ||= error.message;
    });
    socket.on("close", (code) => this.#onClose(this.#closedWhy || `closed by the sensor (${code})`));
    this.#pinging = setInterval(() => this.#ping(), PING_MS);
  }

  /** `why` may have a sensor's words in it. */
  close(why: string): void {
    const words = plainWords(why, WORDS_MAX);
    this.#closedWhy ||= words;
    this.#socket.close(1000, words.slice(0, CLOSE_REASON_MAX));
    setTimeout(() => this.#socket.terminate(), 2000).unref();
  }

  async query(sql: string, maxRows: number, timeoutMs: number, signal: AbortSignal): Promise<Rows> {
    const bounded = { maxRows: Math.min(maxRows, QUERY_MAX_ROWS), timeoutMs: Math.min(timeoutMs, QUERY_TIMEOUT_MS) };
    const { promise, resolve, reject } = Promise.withResolvers<Rows>();
    const id = this.#ask({ rows: resolve, fail: reject });
    const cancel = (error: LinkError) => {
      this.#cancel(id);
      reject(error);
    };
    const timer = setTimeout(
      () => cancel(new LinkError("timeout", "the sensor did not answer in time")),
      bounded.timeoutMs + ANSWER_GRACE_MS,
    );
    const onAbort = () => cancel(new LinkError("broken", "the one who asked has gone"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#send({ type: "query", id, sql, ...bounded });
      const { columns, rows, cut } = await promise;
      return { columns, rows: rows.slice(0, bounded.maxRows), cut: cut || rows.length > bounded.maxRows };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      this.#asked.delete(id);
    }
  }

  /** A pcap file, in pieces. Reading it throws a LinkError when the sensor fails, or sends more than it was asked for. */
  async *pcap(selection: PcapSelection, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const maxBytes = Math.min(selection.maxBytes, PCAP_MAX_BYTES);
    let receivedBytes = 0;
    let done = false;
    const queue = new ByteQueue(PCAP_QUEUE_BYTES, () => this.#socket.resume());
    const stalled = () => queue.end(new LinkError("timeout", "the sensor stopped sending"));
    let timer = setTimeout(stalled, PCAP_STALL_MS);
    const id = this.#ask({
      chunk: (octets) => {
        clearTimeout(timer);
        timer = setTimeout(stalled, PCAP_STALL_MS);
        receivedBytes += octets.length;
        if (receivedBytes > maxBytes)
          queue.end(new LinkError("broken", `the sensor sent more than ${maxBytes} octets`));
        else queue.push(octets);
        if (queue.isFull) this.#socket.pause();
      },
      end: (bytes) => {
        done = true;
        const isWhole = bytes === receivedBytes;
        queue.end(isWhole ? undefined : new LinkError("broken", `${receivedBytes} octets of ${bytes} arrived`));
      },
      fail: (error) => {
        done = true;
        queue.end(error);
      },
    });
    const onAbort = () => queue.end(new LinkError("broken", "the one who asked has gone"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#send({ type: "pcap", id, ...selection, maxBytes });
      yield* queue.read();
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      this.#asked.delete(id);
      if (this.#socket.isPaused) this.#socket.resume();
      if (!done) this.#cancel(id);
    }
  }

  /** What becomes of it is told by an event. */
  command(message: Uint8Array): void {
    const id = this.#nextId;
    this.#nextId = (this.#nextId % 0xffffffff) + 1;
    this.#send({ type: "command", id, command: Buffer.from(message).toString("base64") });
  }

  #ask(asked: Asked): number {
    if (this.#socket.readyState !== this.#socket.OPEN) throw new LinkError("notConnected", "the link has just gone");
    if (this.#asked.size >= ASKED_MAX)
      throw new LinkError("tooMany", `${ASKED_MAX} requests to this sensor are under way already`);
    const id = this.#nextId;
    this.#nextId = (this.#nextId % 0xffffffff) + 1;
    this.#asked.set(id, asked);
    return id;
  }

  #cancel(id: number): void {
    this.#asked.delete(id);
    this.#send({ type: "cancel", id });
  }

  #send(message: BaseMessage): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #ping(): void {
    // A link that waits for its reader is paused: nothing is heard of it, and that is no fault of the sensor's.
    if (this.#socket.isPaused) this.#heardAtMs = performance.now();
    if (performance.now() - this.#heardAtMs > SILENCE_MS) {
      this.#closedWhy ||= `nothing heard for ${SILENCE_MS / 1000} s`;
      this.#socket.terminate();
    } else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  #onText(octets: Buffer): void {
    if (performance.now() - this.#windowFromMs > MESSAGES_WINDOW_MS) {
      this.#windowFromMs = performance.now();
      this.#messagesInWindow = 0;
    }
    this.#messagesInWindow++;
    const isTooLong = this.#asked.size === 0 && octets.length > UNASKED_MAX_BYTES;
    const message = isTooLong ? undefined : parseSensorMessage(octets.toString("utf8"));
    if (this.#messagesInWindow > MESSAGES_MAX) {
      if (this.#messagesInWindow === MESSAGES_MAX + 1) this.close("more messages than a sensor may send");
    } else if (message === undefined) this.unknownMessages++;
    else if (message.type === "hello") this.#onHello(message);
    else if (!this.#saidHello) this.close("a message came before the hello");
    else if (message.type === "heartbeat") this.#events.heartbeat(message);
    else if (message.type === "event") this.#onEvent(message);
    else if (message.type === "rows")
      this.#answer(message.id, (asked) => {
        if (isTable(message)) asked.rows?.(message);
        else asked.fail(new LinkError("failed", "the sensor's answer is no table"));
      });
    else if (message.type === "pcapEnd") this.#answer(message.id, (asked) => asked.end?.(message.bytes));
    else
      this.#answer(message.id, (asked) =>
        asked.fail(new LinkError("failed", plainWords(String(message.message), WORDS_MAX))),
      );
  }

  #onHello(message: Extract<SensorMessage, { type: "hello" }>): void {
    if (message.sensorId !== this.#sensorId) this.close("the hello is of another sensor");
    else if (message.version !== LINK_VERSION) this.close(`version ${message.version} of the link is not known here`);
    else if (this.#saidHello) this.unknownMessages++;
    else {
      this.#saidHello = true;
      this.#events.hello(message);
    }
  }

  #onEvent(message: Extract<SensorMessage, { type: "event" }>): void {
    try {
      this.#events.event(message);
      this.#send({ type: "acknowledge", id: message.id });
    } catch (error) {
      this.close(`an event could not be stored: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #onBinary(octets: Buffer): void {
    if (octets.length < 4) this.unknownMessages++;
    else this.#answer(octets.readUInt32BE(0), (asked) => asked.chunk?.(octets.subarray(4)));
  }

  #answer(id: number, give: (asked: Asked) => void): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) this.unknownMessages++;
    else give(asked);
  }

  #onClose(why: string): void {
    clearInterval(this.#pinging);
    for (const asked of [...this.#asked.values()]) asked.fail(new LinkError("broken", `the link went down: ${why}`));
    this.#asked.clear();
    this.#events.closed(why);
  }
}

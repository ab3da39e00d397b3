import { MessageChannel, type MessagePort, type Worker } from "node:worker_threads";
import { LineMerge } from "../session/line-merge.ts";
import type { LineBatch } from "../session/ordered-lines.ts";
import { startWorker } from "../worker.ts";
import type { ReadOutcome, ReadPlan } from "./read-share.ts";
import { AHEAD_MAX_BYTES, type ReadWorkerMessage, type ReadWorkerStart, takeMessages } from "./read-worker.ts";

interface Helper {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly credit: Int32Array;
  readonly source: number;
  outcome: ReadOutcome | undefined;
}

/**
 * The threads that have the shares 1 and up of the sessions, and the merge of their lines with those of share 0, which the
 * starter has itself.
 */
export class ReadWorkers {
  readonly #merge: LineMerge;
  readonly #helpers: readonly Helper[];
  readonly #signal: AbortSignal;
  /** Messages that the event loop dispatched, in order for each source. */
  #arrived: { readonly helper: Helper; readonly message: ReadWorkerMessage }[] = [];
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(
    count: number,
    plan: ReadPlan,
    write: (octets: Uint8Array, from: number, to: number) => void,
    signal: AbortSignal,
  ) {
    this.#signal = signal;
    this.#merge = new LineMerge(count, write, (source, octets) => this.#pay(source, octets));
    this.#helpers = Array.from({ length: count - 1 }, (_, i) => this.#start({ index: i + 1, count }, plan));
    signal.addEventListener("abort", () => this.#wake(), { once: true });
  }

  /** Lines of share 0. */
  push(batch: LineBatch): void {
    this.#merge.push(0, batch);
  }

  /** Writes what can be written; waits while share 0 is far ahead of the others. */
  async turn(): Promise<void> {
    this.#advance();
    while (this.#merge.pendingBytes(0) > AHEAD_MAX_BYTES) await this.#wait();
  }

  /** Writes all that is left, once share 0 has been pushed whole; the outcomes of the others. */
  async finish(): Promise<ReadOutcome[]> {
    this.#merge.end(0);
    this.#advance();
    for (;;) {
      const outcomes = this.#helpers.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome]));
      if (outcomes.length === this.#helpers.length) return outcomes;
      await this.#wait();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#helpers.map(({ worker }) => worker.terminate()));
  }

  #start(share: ReadWorkerStart["share"], plan: ReadPlan): Helper {
    const { port1, port2 } = new MessageChannel();
    const credit = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const start: ReadWorkerStart = { plan, share, port: port2, credit };
    const worker = startWorker("read-worker", start, [port2]);
    const helper: Helper = { worker, port: port1, credit, source: share.index, outcome: undefined };
    port1.on("message", (message: ReadWorkerMessage) => {
      this.#arrived.push({ helper, message });
      this.#wake();
    });
    const fail = (error: Error) => {
      this.#failure ??= error;
      this.#wake();
    };
    worker.on("error", fail);
    worker.on("exit", () => {
      this.#receive();
      if (helper.outcome === undefined) fail(new Error("a thread ended by itself"));
      else this.#wake();
    });
    return helper;
  }

  #advance(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#signal.throwIfAborted();
    this.#receive();
    this.#merge.drain();
  }

  #receive(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const { helper, message } of arrived) this.#accept(helper, message);
    for (const helper of this.#helpers) for (const message of takeMessages(helper.port)) this.#accept(helper, message);
  }

  #accept(helper: Helper, message: ReadWorkerMessage): void {
    if (message.name === "lines") {
      this.#merge.push(helper.source, message.batch);
      return;
    }
    helper.outcome = message.outcome;
    this.#merge.end(helper.source);
    helper.port.close();
  }

  async #wait(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#advance(); // what came since, and would not wake
    if (this.#helpers.every(({ outcome }) => outcome !== undefined)) return;
    await woken;
    this.#advance();
  }

  #pay(source: number, octets: number): void {
    const helper = this.#helpers[source - 1];
    if (helper === undefined) return;
    Atomics.add(helper.credit, 0, octets);
    Atomics.notify(helper.credit, 0);
  }
}

import { getAsset, isSea } from "node:sea";
import {
  isMainThread,
  parentPort,
  receiveMessageOnPort,
  type Transferable,
  Worker,
  workerData,
} from "node:worker_threads";

/** Jobs with a thread of their own; `main.ts` says which function runs each. */
export const WORKER_NAMES = ["capture-writer", "capture-analyser", "capture-analysis", "read-worker"] as const;
export type WorkerName = (typeof WORKER_NAMES)[number];

interface Envelope {
  readonly cepaWorker: WorkerName;
  readonly data: unknown;
  /** Not 0 once `data` has been sent as a message. */
  readonly gate?: Int32Array<SharedArrayBuffer>;
}

/** Of the single executable: the bundle that it was built from, as an asset. */
const BUNDLE_ASSET = "bundle";
/** A thread that was told to stop and has not ended by then is ended. */
const STOP_TIMEOUT_MS = 10_000;
const STOP = "stop";
/** Three semi-spaces of 2 MiB. */
const YOUNG_GENERATION_MAX_MIB = 6;

/**
 * Starts a thread that runs the function which `main.ts` has for `name`, with `data` (a structured clone). Run from source
 * it is a worker of `main.ts`; in the single executable, which has no files, one of the bundle's text.
 */
export function startWorker(name: WorkerName, data: unknown, transfer: Transferable[] = []): Worker {
  return startThread({ cepaWorker: name, data }, transfer);
}

/** A thread that has loaded what it needs and waits for its data. */
export interface PreparedWorker {
  /** As if it were started with `data` now. */
  start(data: unknown): Worker;
  /** Ends a thread that was not started. */
  drop(): void;
}

/** As startWorker, but the data follows: loading takes seconds on a small processor, and need not wait. */
export function prepareWorker(name: WorkerName): PreparedWorker {
  const gate = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const worker = startThread({ cepaWorker: name, data: undefined, gate }, []);
  let isStarted = false;
  return {
    start(data) {
      isStarted = true;
      worker.postMessage(data);
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
      return worker;
    },
    drop() {
      if (!isStarted) void worker.terminate();
    },
  };
}

function startThread(envelope: Envelope, transfer: Transferable[]): Worker {
  const options = {
    workerData: envelope,
    transferList: transfer,
    name: envelope.cepaWorker,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MAX_MIB },
  };
  if (isSea()) return new Worker(getAsset(BUNDLE_ASSET, "utf8"), { ...options, eval: true });
  return new Worker(new URL("./main.ts", import.meta.url), options);
}

/** In a thread of `startWorker` or `prepareWorker`: what it was started as. */
export function readWorkerName(): WorkerName | undefined {
  return isMainThread ? undefined : (workerData as Partial<Envelope> | null)?.cepaWorker;
}

/** The thread's data; in one that was prepared, blocks until it is there. */
export function awaitWorkerData(): unknown {
  const { data, gate } = workerData as Envelope;
  if (gate === undefined) return data;
  if (parentPort === null) throw new Error("not a worker");
  Atomics.wait(gate, 0, 0);
  return (receiveMessageOnPort(parentPort) as { readonly message: unknown } | undefined)?.message;
}

/**
 * Waits for a worker's end: until `signal` aborts, which tells it to stop, or until it fails. One that hangs in the kernel can't be ended: it
 * is given up, and keeps the event loop no more. Node.js still waits for it when the process ends, but without an event loop: systemd's
 * watchdog then ends both.
 */
export async function runUntilStopped(
  worker: Pick<Worker, "once" | "postMessage" | "terminate" | "unref">,
  signal: AbortSignal,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let giveUp = () => {};
  const terminate = () => {
    void worker.terminate();
    timer = setTimeout(giveUp, STOP_TIMEOUT_MS);
  };
  const stop = () => {
    worker.postMessage(STOP);
    timer = setTimeout(terminate, STOP_TIMEOUT_MS);
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.once("error", reject);
      worker.once("exit", () => resolve());
      giveUp = () => {
        worker.unref();
        reject(new Error("a thread does not end"));
      };
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
  signal.throwIfAborted();
  throw new Error("a thread ended by itself");
}

/** The worker's end of the line to its starter. */
export interface WorkerLine {
  /** Aborts when the starter says stop. */
  readonly signal: AbortSignal;
  /** Messages since the last call. */
  take(): readonly unknown[];
  send(message: unknown): void;
}

export function connectToStarter(): WorkerLine {
  if (parentPort === null) throw new Error("not a worker");
  const port = parentPort;
  const stop = new AbortController();
  let received: unknown[] = [];
  port.on("message", (message: unknown) => {
    if (message !== STOP) received.push(message);
    else {
      stop.abort();
      port.close(); // nothing keeps the thread alive but its work
    }
  });
  return {
    signal: stop.signal,
    take: () => {
      const taken = received;
      received = [];
      return taken;
    },
    send: (message) => port.postMessage(message),
  };
}

import { getAsset, isSea } from "node:sea";
import { isMainThread, parentPort, type Transferable, Worker, workerData } from "node:worker_threads";

/** Jobs with a thread of their own; `main.ts` says which function runs each. */
export const WORKER_NAMES = ["capture-writer", "capture-analyser", "capture-analysis", "read-worker"] as const;
export type WorkerName = (typeof WORKER_NAMES)[number];

interface Envelope {
  readonly cepaWorker: WorkerName;
  readonly data: unknown;
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
  const envelope: Envelope = { cepaWorker: name, data };
  const options = {
    workerData: envelope,
    transferList: transfer,
    name,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MAX_MIB },
  };
  if (isSea()) return new Worker(getAsset(BUNDLE_ASSET, "utf8"), { ...options, eval: true });
  return new Worker(new URL("./main.ts", import.meta.url), options);
}

/** In a thread of `startWorker`: what it was started as, and the data. */
export function readWorkerStart(): { readonly name: WorkerName; readonly data: unknown } | undefined {
  const envelope = isMainThread ? null : (workerData as Partial<Envelope> | null);
  if (envelope?.cepaWorker === undefined) return undefined;
  return { name: envelope.cepaWorker, data: envelope.data };
}

/** Waits for a worker's end: until `signal` aborts, which tells it to stop, or until it fails. */
export async function runUntilStopped(worker: Worker, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    worker.postMessage(STOP);
    timer = setTimeout(() => void worker.terminate(), STOP_TIMEOUT_MS);
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.once("error", reject);
      worker.once("exit", () => resolve());
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

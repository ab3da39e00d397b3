import { getAsset, isSea } from "node:sea";
import { type Transferable, Worker, workerData } from "node:worker_threads";

/** Jobs with a thread of their own; `main.ts` says which function runs each. */
export const WORKER_NAMES = ["capture-writer", "capture-analyser", "query"] as const;
export type WorkerName = (typeof WORKER_NAMES)[number];

interface Envelope {
  readonly cepaWorker: WorkerName;
  readonly data: unknown;
}

/** Of the single executable: the bundle that it was built from, as an asset. */
const BUNDLE_ASSET = "bundle";

/**
 * Starts a thread that runs the function which `main.ts` has for `name`, with `data` (a structured clone). Run from source
 * it is a worker of `main.ts`; in the single executable, which has no files, one of the bundle's text.
 */
export function startWorker(name: WorkerName, data: unknown, transfer: Transferable[] = []): Worker {
  const envelope: Envelope = { cepaWorker: name, data };
  const options = { workerData: envelope, transferList: transfer, name };
  if (isSea()) return new Worker(getAsset(BUNDLE_ASSET, "utf8"), { ...options, eval: true });
  return new Worker(new URL("./main.ts", import.meta.url), options);
}

/** In a thread of `startWorker`: what it was started as, and the data. */
export function readWorkerStart(): { readonly name: WorkerName; readonly data: unknown } | undefined {
  const envelope = workerData as Partial<Envelope> | null;
  if (envelope?.cepaWorker === undefined) return undefined;
  return { name: envelope.cepaWorker, data: envelope.data };
}

import { parentPort, workerData } from "node:worker_threads";
import { Blackboard } from "./blackboard.ts";
import { readCorpus } from "./corpus.ts";
import { type Failure, Fuzzer, type Progress } from "./fuzzer.ts";
import { targetOf } from "./targets.ts";

export interface FuzzJob {
  readonly target: string;
  readonly seed: number;
  readonly runsMax: number;
  readonly timeMs: number;
  /** Folders to begin with. */
  readonly corpora: readonly string[];
  readonly memory: SharedArrayBuffer;
}

export type FuzzMessage =
  | { readonly name: "found"; readonly input: Uint8Array }
  | { readonly name: "progress"; readonly progress: Progress }
  | { readonly name: "failed"; readonly failure: Failure }
  | { readonly name: "done" };

const job = workerData as FuzzJob;

function say(message: FuzzMessage): void {
  parentPort?.postMessage(message);
}

const failure = new Fuzzer(targetOf(job.target), {
  seed: job.seed,
  corpus: job.corpora.flatMap((folder) => readCorpus(folder, job.target)),
  runsMax: job.runsMax,
  timeMs: job.timeMs,
  blackboard: new Blackboard(job.memory),
  found: (input) => say({ name: "found", input }),
  progress: (progress) => say({ name: "progress", progress }),
}).run();
say(failure === undefined ? { name: "done" } : { name: "failed", failure });

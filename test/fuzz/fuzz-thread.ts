import { parentPort, workerData } from "node:worker_threads";
import { Blackboard } from "./blackboard.ts";
import { readCorpus } from "./corpus.ts";
import { type Failure, Fuzzer, type Progress } from "./fuzzer.ts";
import { minimise } from "./minimise.ts";
import { targetOf } from "./targets.ts";

export interface FuzzJob {
  readonly target: string;
  readonly seed: number;
  readonly runsMax: number;
  readonly timeMs: number;
  /** Folders to begin with. */
  readonly corpora: readonly string[];
  /** The fewest inputs that reach as much are wanted at the end. */
  readonly isMinimised: boolean;
  readonly memory: SharedArrayBuffer;
}

export type FuzzMessage =
  | { readonly name: "found"; readonly input: Uint8Array }
  | { readonly name: "progress"; readonly progress: Progress }
  | { readonly name: "failed"; readonly failure: Failure }
  | { readonly name: "kept"; readonly inputs: readonly Uint8Array[] }
  | { readonly name: "done" };

const job = workerData as FuzzJob;

function say(message: FuzzMessage): void {
  parentPort?.postMessage(message);
}

const target = targetOf(job.target);
const blackboard = new Blackboard(job.memory);
const corpus = job.corpora.flatMap((folder) => readCorpus(folder, job.target));
const failure = new Fuzzer(target, {
  seed: job.seed,
  corpus,
  runsMax: job.runsMax,
  timeMs: job.timeMs,
  blackboard,
  found: (input) => {
    corpus.push(input);
    say({ name: "found", input });
  },
  progress: (progress) => say({ name: "progress", progress }),
}).run();
if (failure === undefined && job.isMinimised) say({ name: "kept", inputs: minimise(target, corpus, blackboard) });
say(failure === undefined ? { name: "done" } : { name: "failed", failure });

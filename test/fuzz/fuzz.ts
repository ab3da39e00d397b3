import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { Blackboard } from "./blackboard.ts";
import { FAILURES, FOUND_CORPUS, KEPT_CORPUS, replaceCorpus, writeInput } from "./corpus.ts";
import type { FuzzJob, FuzzMessage } from "./fuzz-thread.ts";
import type { Failure, Progress } from "./fuzzer.ts";
import { TARGETS, targetOf } from "./targets.ts";

const HELP = `Usage: node test/fuzz/fuzz.ts [OPTION]...

Feeds hostile octets to what takes them: every exception, endless loop and growth of memory is a failure.

  --target NAME   this one only; may be given more than once (--list shows them)
  --seconds N     time for each target (600)
  --runs N        at most so many inputs for each target
  --jobs N        targets at a time (2)
  --seed N        of the mutations (the time of day)
  --keep          at the end put the fewest inputs that reach what no seed does into test/fuzz/corpus, for what was there
  --replay FILE   run one input through the target, once, and end
  --json          a line of JSON for each target at its end
  --list          names of targets
  --help          this text

Exit status: 0 nothing was found, 1 something was: its input is in .cache/fuzz/failures, 2 the command line is wrong.
`;

/** An input takes milliseconds at most. */
const HANG_MS = 20_000;
const WATCH_MS = 1_000;

interface Result extends Progress {
  readonly target: string;
  readonly seconds: number;
  readonly failure: Failure | undefined;
}

interface Options {
  readonly seconds: number;
  readonly runsMax: number;
  readonly seed: number;
  readonly isKept: boolean;
  readonly isJson: boolean;
}

const NO_PROGRESS: Progress = { runs: 0, corpus: 0, covered: 0, memoryBytes: 0 };

function fuzz(target: string, options: Options): Promise<Result> {
  const started = performance.now();
  const blackboard = new Blackboard();
  const job: FuzzJob = {
    target,
    seed: options.seed,
    runsMax: options.runsMax,
    timeMs: options.seconds * 1000,
    corpora: [KEPT_CORPUS, FOUND_CORPUS],
    isMinimised: options.isKept,
    memory: blackboard.memory,
  };
  let progress = NO_PROGRESS;
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./fuzz-thread.ts", import.meta.url), { workerData: job });
    const end = (failure: Failure | undefined) => {
      clearInterval(watch);
      void worker.terminate();
      resolve({ ...progress, target, seconds: (performance.now() - started) / 1000, failure });
    };
    let ticks = 0;
    let movedAt = performance.now();
    const watch = setInterval(() => {
      if (blackboard.ticks !== ticks) movedAt = performance.now();
      ticks = blackboard.ticks;
      if (performance.now() - movedAt > HANG_MS)
        end({ why: `no end after ${HANG_MS / 1000} s`, inputs: [blackboard.read()] });
    }, WATCH_MS);
    worker.on("message", (message: FuzzMessage) => {
      if (message.name === "progress") progress = report(target, message.progress, options.isJson);
      else if (message.name === "found") writeInput(FOUND_CORPUS, target, message.input);
      else if (message.name === "kept") replaceCorpus(KEPT_CORPUS, target, message.inputs);
      else end(message.name === "failed" ? message.failure : undefined);
    });
    worker.on("error", (error) => {
      clearInterval(watch);
      reject(error);
    });
  });
}

function report(target: string, progress: Progress, isJson: boolean): Progress {
  const { runs, corpus, covered, memoryBytes } = progress;
  if (!isJson)
    process.stderr.write(
      `${target}: ${runs} inputs, ${corpus} kept, ${covered} characters of code, ${Math.round(memoryBytes / 2 ** 20)} MiB\n`,
    );
  return progress;
}

function show(result: Result, isJson: boolean): void {
  const { failure, ...rest } = result;
  if (isJson) process.stdout.write(`${JSON.stringify({ ...rest, why: failure?.why ?? null })}\n`);
  if (failure === undefined) {
    if (!isJson) process.stdout.write(`${result.target}: nothing found in ${result.runs} inputs\n`);
    return;
  }
  const paths = failure.inputs.map((input) => writeInput(FAILURES, result.target, input));
  process.stderr.write(`${result.target}: ${failure.why}\n  input: ${paths.at(-1)}\n`);
  if (paths.length > 1) process.stderr.write(`  (and ${paths.length - 1} before it, on the same state)\n`);
}

/** Runs the targets, `jobs` at a time; true when nothing was found. */
async function fuzzAll(names: readonly string[], jobs: number, options: Options): Promise<boolean> {
  const queue = [...names];
  let isClean = true;
  const next = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const result = await fuzz(name, options);
      show(result, options.isJson);
      if (result.failure !== undefined) isClean = false;
    }
  };
  await Promise.all(Array.from({ length: jobs }, next));
  return isClean;
}

function readCount(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new TypeError(`--${name} ${text}: a whole number from 1 on is wanted`);
  return value;
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      target: { type: "string", multiple: true, default: TARGETS.map(({ name }) => name) },
      seconds: { type: "string", default: "600" },
      runs: { type: "string", default: `${2 ** 31}` },
      jobs: { type: "string", default: "2" },
      seed: { type: "string", default: `${1 + (Date.now() % 2 ** 31)}` },
      keep: { type: "boolean", default: false },
      replay: { type: "string" },
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  for (const name of values.target) targetOf(name);
  return {
    ...values,
    jobs: readCount("jobs", values.jobs),
    options: {
      seconds: readCount("seconds", values.seconds),
      runsMax: readCount("runs", values.runs),
      seed: readCount("seed", values.seed),
      isKept: values.keep,
      isJson: values.json,
    },
  };
}

async function main(): Promise<number> {
  let wanted: ReturnType<typeof readArguments>;
  try {
    wanted = readArguments();
  } catch (error) {
    process.stderr.write(`fuzz: ${error instanceof Error ? error.message : error}\n`);
    return 2;
  }
  if (wanted.help) process.stdout.write(HELP);
  else if (wanted.list) process.stdout.write(`${TARGETS.map(({ name }) => name).join("\n")}\n`);
  else if (wanted.replay !== undefined) {
    const input = new Uint8Array(readFileSync(wanted.replay));
    for (const name of wanted.target) targetOf(name).start()(input);
  } else return (await fuzzAll(wanted.target, wanted.jobs, wanted.options)) ? 0 : 1;
  return 0;
}

process.exitCode = await main();

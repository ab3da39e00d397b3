import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type TrafficCounts, type TrafficOptions, writeTraffic } from "./traffic/traffic.ts";

/**
 * `node scripts/bench-capture.ts FILE`: makes the capture of the benchmarks, and FILE.json beside it, which says what is in
 * it. The same options give the same file; one that the same sources made with them is kept.
 */
const USAGE = `bench-capture.ts FILE [--seed N] [--size MB] [--sessions AT-A-TIME] [--kind mixed|small] [--pause MS]\n`;
const MB = 1_000_000;

interface Made {
  readonly options: TrafficOptions;
  /** SHA-256 of the generator's sources. */
  readonly sources: string;
  readonly counts: TrafficCounts;
}

/** Makes the file unless it is there. */
export function makeCapture(path: string, options: TrafficOptions): TrafficCounts {
  const sources = hashOfSources();
  const notePath = `${path}.json`;
  if (existsSync(path) && existsSync(notePath)) {
    const made = JSON.parse(readFileSync(notePath, "utf8")) as Made;
    if (made.sources === sources && JSON.stringify(made.options) === JSON.stringify(options)) return made.counts;
  }
  rmSync(notePath, { force: true });
  const counts = writeTraffic(`${path}.new`, options);
  renameSync(`${path}.new`, path);
  writeFileSync(notePath, `${JSON.stringify({ options, sources, counts } satisfies Made, undefined, 2)}\n`);
  return counts;
}

function hashOfSources(): string {
  const folder = join(import.meta.dirname, "traffic");
  const hash = createHash("sha256");
  for (const name of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, name)));
  return hash.digest("hex");
}

/** What the tables of docs/BENCHMARKS.md were measured on. */
export const BENCH_TRAFFIC: TrafficOptions = {
  seed: 1,
  sizeBytes: 545 * MB,
  sessionsAtATime: 20_000,
  kind: "mixed",
  pauseMs: 250,
};

function runMain(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: "string", default: String(BENCH_TRAFFIC.seed) },
      size: { type: "string", default: String(BENCH_TRAFFIC.sizeBytes / MB) },
      sessions: { type: "string", default: String(BENCH_TRAFFIC.sessionsAtATime) },
      kind: { type: "string", default: BENCH_TRAFFIC.kind },
      pause: { type: "string", default: String(BENCH_TRAFFIC.pauseMs) },
    },
  });
  const [path] = positionals;
  if (path === undefined || (values.kind !== "mixed" && values.kind !== "small")) {
    process.stderr.write(USAGE);
    return 2;
  }
  const counts = makeCapture(path, {
    seed: Number(values.seed),
    sizeBytes: Number(values.size) * MB,
    sessionsAtATime: Number(values.sessions),
    kind: values.kind,
    pauseMs: Number(values.pause),
  });
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  return 0;
}

if (import.meta.main) process.exitCode = runMain();

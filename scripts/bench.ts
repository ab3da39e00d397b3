import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { nodeExec } from "../core/node/exec.ts";
import { renderBenchChart } from "./bench/bench-chart.ts";
import { type BenchResult, median, type Standing } from "./bench/bench-result.ts";
import { renderBench } from "./bench/bench-table.ts";
import { BASELINE, type Contestant, PEERS, sensorContestant } from "./bench/contestants.ts";
import { Course } from "./bench/course.ts";
import { readMachine } from "./bench/machine.ts";
import type { Usage } from "./bench/measure.ts";
import { makePeerTree, type Place, THIS_MACHINE } from "./bench/peer-tree.ts";
import { replaceMarked } from "./bench/replace-marked.ts";
import { measureScaling } from "./bench/scaling.ts";
import { BENCH_TRAFFIC, makeCapture } from "./bench-capture.ts";

const USAGE = `bench.ts [--rounds N] [--peers NAME,…] [--installed] [--scaling] [--json] [--docs FOLDER]
         [--size MB] [--sessions AT-A-TIME] [--folder FOLDER] [--sensor PROGRAM]

Measures the sensor beside its peers on a capture that is made first, one after the other, ROUNDS times after an untimed
round that warms the page cache and counts what each finds. Fails when the sensor doesn't find what the capture holds.

  --peers       of ${PEERS.map(({ name }) => name).join(", ")}; all by default
  --installed   the peers of this machine; without it, those of a tree of Debian packages
  --scaling     also time and memory with up to 1,000,000 sessions at a time
  --docs        puts the table into FOLDER/BENCHMARKS.md, and a picture of it beside
`;

const PROJECT = join(import.meta.dirname, "..");
const MB = 1_000_000;
const CAPTURE = "mixed.pcap";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    peers: { type: "string", default: PEERS.map(({ name }) => name).join(",") },
    installed: { type: "boolean", default: false },
    scaling: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    docs: { type: "string" },
    size: { type: "string", default: String(BENCH_TRAFFIC.sizeBytes / MB) },
    sessions: { type: "string", default: String(BENCH_TRAFFIC.sessionsAtATime) },
    folder: { type: "string", default: join(PROJECT, ".cache/bench") },
    sensor: { type: "string", default: join(PROJECT, "dist/cepa-sensor") },
    help: { type: "boolean", default: false },
  },
});
const abort = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => abort.abort());
if (values.help) process.stdout.write(USAGE);
else process.exitCode = await runBench();

async function runBench(): Promise<number> {
  const names = values.peers.split(",").filter((name) => name !== "");
  const unknown = names.filter((name) => PEERS.every((peer) => peer.name !== name));
  const rounds = Number(values.rounds);
  if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write(USAGE);
    return 2;
  }
  const folder = resolve(values.folder);
  const sensor = resolve(values.sensor);
  mkdirSync(folder, { recursive: true });
  const place = values.installed ? THIS_MACHINE : await makePeerTree(folder, say, abort.signal);
  say("the capture: making it, unless it is there");
  const options = { ...BENCH_TRAFFIC, sizeBytes: Number(values.size) * MB, sessionsAtATime: Number(values.sessions) };
  const counts = makeCapture(join(folder, CAPTURE), options);
  const contestants = [
    ...[1, 2].map((workers) => sensorContestant(sensor, workers)),
    ...PEERS.filter(({ name }) => names.includes(name)),
  ];
  const course = await Course.open(folder, abort.signal);
  try {
    const standings = await compete(course, contestants, place, rounds);
    const scaling = values.scaling ? await measureScaling(course, folder, sensor, say) : undefined;
    const capture = { ...counts, fileBytes: statSync(join(folder, CAPTURE)).size };
    const result: BenchResult = { machine: readMachine(), capture, rounds, standings, scaling };
    process.stdout.write(values.json ? `${JSON.stringify(result, undefined, 2)}\n` : renderBench(result));
    if (values.docs !== undefined) writeDocs(values.docs, result);
    return isRight(result) ? 0 : 1;
  } finally {
    await course.close();
  }
}

/** In turn, round after round, so that what else the machine does meets all of them alike. */
async function compete(
  course: Course,
  contestants: readonly Contestant[],
  peerPlace: Place,
  rounds: number,
): Promise<readonly Standing[]> {
  const placeOf = (contestant: Contestant) => (contestant.package === undefined ? THIS_MACHINE : peerPlace);
  const entries = contestants.map((contestant) => ({
    contestant,
    usages: [] as Usage[],
    found: {} as Readonly<Record<string, number>>,
  }));
  for (let round = 0; round <= rounds; round++)
    for (const entry of entries) {
      const { contestant } = entry;
      const roundsLeft = contestant.roundsMost - entry.usages.length;
      if (roundsLeft <= 0) continue;
      // One that is slow is counted while it is timed: what it prints is next to nothing beside what it does.
      const isCounted = round === 0;
      const usage = await course.run(contestant, placeOf(contestant), CAPTURE, isCounted);
      if (isCounted) entry.found = usage.found;
      if (!isCounted || Number.isFinite(contestant.roundsMost)) entry.usages.push(usage);
      say(`round ${round}: ${contestant.name} ${(usage.wallMs / 1000).toFixed(2)} s`);
    }
  const timesOf = (usages: readonly Usage[]) => ({
    wallMs: median(usages.map(({ wallMs }) => wallMs)),
    cpuMs: median(usages.map(({ userMs, systemMs }) => userMs + systemMs)),
  });
  const baseline = entries.find(({ contestant }) => contestant.name === BASELINE);
  const base = baseline && timesOf(baseline.usages);
  return Promise.all(
    entries.map(async ({ contestant, usages, found }) => {
      const times = timesOf(usages);
      return {
        name: contestant.name,
        version: await versionOf(contestant, peerPlace),
        job: contestant.job,
        rounds: usages.length,
        ...times,
        anonBytes: Math.max(...usages.map(({ anonBytes }) => anonBytes)),
        residentBytes: Math.max(...usages.map(({ residentBytes }) => residentBytes)),
        wallRatio: base && times.wallMs / base.wallMs,
        cpuRatio: base && times.cpuMs / base.cpuMs,
        found,
      };
    }),
  );
}

/** Of the Debian package; empty for ours. */
async function versionOf(contestant: Contestant, place: Place): Promise<string> {
  if (contestant.package === undefined) return "";
  const args = [...place.dpkgArgs, "-W", "-f", "$" + "{Version}", contestant.package];
  return (await nodeExec("dpkg-query", args, abort.signal)).stdout;
}

/** Whether the sensor found what the generator says it made. */
function isRight({ capture, standings }: BenchResult): boolean {
  const made = {
    frames: capture.frames,
    sessions: capture.sessions,
    requests: capture.httpRequests,
    handshakes: capture.tlsHandshakes,
    alarms: 0,
  };
  const wrong = standings.filter(
    ({ version, found }) => version === "" && JSON.stringify(found) !== JSON.stringify(made),
  );
  for (const { name, found } of wrong)
    process.stderr.write(`bench: ${name} found ${JSON.stringify(found)} where ${JSON.stringify(made)} is\n`);
  return wrong.length === 0;
}

function writeDocs(docs: string, result: BenchResult): void {
  const page = join(docs, "BENCHMARKS.md");
  writeFileSync(page, replaceMarked(readFileSync(page, "utf8"), "bench", renderBench(result)));
  writeFileSync(join(docs, "benchmarks.svg"), renderBenchChart(result));
}

function say(line: string): void {
  process.stderr.write(`[bench ${(performance.now() / 1000).toFixed(0).padStart(4)} s] ${line}\n`);
}

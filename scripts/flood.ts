import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { renderMachine, renderRows } from "./bench/bench-table.ts";
import { readMachine } from "./bench/machine.ts";
import { replaceMarked } from "./bench/replace-marked.ts";
import { FLOODS } from "./flood/flood-frames.ts";
import { type FloodRun, runFlood } from "./flood/run-flood.ts";

const USAGE = `flood.ts [--packets N,…] [--json] [--docs FOLDER] [--sensor PROGRAM] [--folder FOLDER]

Reads floods of packets, each in several sizes: what the sensor keeps must not grow with them. Fails when it grows by more than
an eighth from the second size to the last.

  --packets   sizes, at least two, each beyond every limit (1000000,2000000,4000000)
  --docs      puts the table into FOLDER/BENCHMARKS.md
`;

const PROJECT = join(import.meta.dirname, "..");
const MIB = 1024 * 1024;
const GROWTH_MAX = 9 / 8;

const { values } = parseArgs({
  options: {
    packets: { type: "string", default: "1000000,2000000,4000000" },
    json: { type: "boolean", default: false },
    docs: { type: "string" },
    sensor: { type: "string", default: join(PROJECT, "dist/cepa-sensor") },
    folder: { type: "string", default: join(PROJECT, ".cache/bench") },
    help: { type: "boolean", default: false },
  },
});
const abort = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => abort.abort());
if (values.help) process.stdout.write(USAGE);
else process.exitCode = await run();

async function run(): Promise<number> {
  const sizes = values.packets.split(",").map(Number);
  if (sizes.length < 2 || !sizes.every((size) => Number.isInteger(size) && size > 0)) {
    process.stderr.write(USAGE);
    return 2;
  }
  mkdirSync(values.folder, { recursive: true });
  const runs: FloodRun[] = [];
  let isBounded = true;
  for (const flood of FLOODS) {
    const ofFlood: FloodRun[] = [];
    for (const packets of sizes) {
      process.stderr.write(`${flood.name}: ${packets.toLocaleString("en")} packets\n`);
      const settings = flood.maxSessions === undefined ? {} : { session: { maxSessions: flood.maxSessions } };
      ofFlood.push(await runFlood([resolve(values.sensor)], flood, packets, settings, values.folder, abort.signal));
    }
    const grown = (ofFlood.at(-1)?.anonBytes ?? 0) / (ofFlood[sizes.length - 2]?.anonBytes ?? 1);
    if (grown > GROWTH_MAX) {
      process.stderr.write(`${flood.name}: memory grew by ${grown.toFixed(2)} between the last two sizes\n`);
      isBounded = false;
    }
    runs.push(...ofFlood);
  }
  process.stdout.write(values.json ? `${JSON.stringify(runs)}\n` : `${renderFloods(runs)}\n`);
  if (values.docs !== undefined) {
    const page = join(values.docs, "BENCHMARKS.md");
    writeFileSync(page, replaceMarked(readFileSync(page, "utf8"), "flood", renderFloods(runs)));
  }
  return isBounded ? 0 : 1;
}

function renderFloods(runs: readonly FloodRun[]): string {
  const head = [
    "",
    "packets",
    "RssAnon",
    "CPU a packet",
    "sessions",
    "evicted",
    "without sample",
    "datagrams given up",
    "no room for segments",
    "no room for readers",
  ];
  const rows = runs.map(({ name, packets, anonBytes, cpuNsPerPacket, counters }) => {
    const count = (...fields: readonly string[]) =>
      fields.reduce((sum, field) => sum + (counters[field] ?? 0), 0).toLocaleString("en");
    return [
      name,
      packets.toLocaleString("en"),
      `${Math.round(anonBytes / MIB)} MiB`,
      `${Math.round(cpuNsPerPacket).toLocaleString("en")} ns`,
      count("sessions"),
      count("sessionsEvicted"),
      count("samplesSkipped"),
      count("datagramsEvicted", "datagramsTimedOut"),
      count("segmentsNoRoom"),
      count("readersNoRoom"),
    ];
  });
  return [renderMachine(readMachine()), "", ...renderRows([head, ...rows])].join("\n");
}

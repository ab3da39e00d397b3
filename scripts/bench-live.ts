import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { LiveOrder } from "./bench/live-far-side.ts";
import { LIVE_FRAME_BYTES } from "./bench/live-frames.ts";
import { type Heat, type LiveResult, parsePaces } from "./bench/live-result.ts";
import { renderLive } from "./bench/live-table.ts";
import { readMachine } from "./bench/machine.ts";
import { mountMemory } from "./bench/memory-folder.ts";
import { makePeerTree } from "./bench/peer-tree.ts";
import { replaceMarked } from "./bench/replace-marked.ts";
import { runInNamespace } from "./rig/net-namespace.ts";

const USAGE = `bench-live.ts [--rates RATE[:SECONDS],…] [--seconds N] [--ring MIB] [--installed] [--json] [--docs FOLDER]

Loss of the sensor's capture role beside tcpdump -w, in turn at each rate, over a veth pair in a network namespace. Frames have
${LIVE_FRAME_BYTES} octets, rings the same size, files go to memory.

  --rates       thousand frames a second, or max
  --installed   tcpdump and trafgen of this machine; without it, those of a tree of Debian packages
  --docs        puts the table into FOLDER/BENCHMARKS.md
`;
const MIB = 1024 * 1024;
const FAR_SIDE = join(import.meta.dirname, "bench/live-far-side.ts");
/** Of each heat, beside its seconds of sending. */
const HEAT_EXTRA_MS = 60_000;

const { values } = parseArgs({
  options: {
    rates: { type: "string", default: "100,300,500:30,700,900,max" },
    seconds: { type: "string", default: "10" },
    ring: { type: "string", default: "64" },
    installed: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    docs: { type: "string" },
    folder: { type: "string", default: join(import.meta.dirname, "../.cache/bench") },
    help: { type: "boolean", default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else process.exitCode = await runBenchLive();

async function runBenchLive(): Promise<number> {
  const paces = parsePaces(values.rates, Number(values.seconds));
  const ringBytes = Number(values.ring) * MIB;
  if (paces === undefined || !(ringBytes > 0)) {
    process.stderr.write(USAGE);
    return 2;
  }
  const abort = new AbortController();
  const cache = resolve(values.folder);
  if (!values.installed) await makePeerTree(cache, (line) => process.stderr.write(`${line}\n`), abort.signal);
  const folder = join(cache, "live");
  const unmount = await mountMemory(folder, abort.signal);
  try {
    const order: LiveOrder = { folder, treeCache: values.installed ? undefined : cache, ringBytes, paces };
    const timeoutMs = paces.reduce((sum, { durationMs }) => sum + 2 * (durationMs + HEAT_EXTRA_MS), 0);
    const printed = await runInNamespace(
      ["span0"],
      [process.execPath, FAR_SIDE, JSON.stringify(order)],
      timeoutMs,
      process.stderr,
    );
    const heats = JSON.parse(printed) as readonly Heat[];
    const result: LiveResult = { machine: readMachine(), ringBytes, frameBytes: LIVE_FRAME_BYTES, heats };
    process.stdout.write(values.json ? `${JSON.stringify(result, undefined, 2)}\n` : renderLive(result));
    if (values.docs !== undefined) {
      const page = join(values.docs, "BENCHMARKS.md");
      writeFileSync(page, replaceMarked(readFileSync(page, "utf8"), "bench-live", renderLive(result)));
    }
    return 0;
  } finally {
    await unmount();
  }
}

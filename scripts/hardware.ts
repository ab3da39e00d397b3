import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Stage } from "../provider/base/stage.ts";
import { renderMachine, renderRows } from "./bench/bench-table.ts";
import { readMachine } from "./bench/machine.ts";
import { replaceMarked } from "./bench/replace-marked.ts";
import { STORAGES, type Storage } from "./rig/qemu.ts";
import { makeRig } from "./rig/rig.ts";

const USAGE = `usage: hardware.ts [--storage NAME,…] [--image FILE] [--docs FOLDER]

Flashes the image of the hardware profile and starts it twice from each kind of storage: the first start makes the store, the second opens
it again; both must come to capture. Fails when one does not. Must run in a private network (scripts/private-network.sh).

  --storage NAME,…  of ${STORAGES.join(", ")} (all)
  --image FILE      (dist/cepa-hardware.raw)
  --docs FOLDER     put the table into guides/tech.md there
`;

const PROJECT = join(import.meta.dirname, "..");
const BOOT_TIMEOUT_MS = 300_000;
const CAPTURES = /^cepa: capturing on/m;

interface Starts {
  readonly storage: Storage;
  /** From power-on to capture, with an empty store and with one that is there. */
  readonly seconds: readonly number[];
  readonly error?: string;
}

async function tryStorage(storage: Storage, image: string): Promise<Starts> {
  const stop = new AbortController();
  const { signal } = stop;
  const folder = await mkdtemp(join(tmpdir(), "cepa-hw-"));
  const seconds: number[] = [];
  try {
    const rig = await makeRig(
      { program: join(PROJECT, "dist/cepa"), image, folder, sensorName: storage, settings: {}, diskSize: "8G" },
      signal,
    );
    const base = rig.startBase(signal);
    try {
      await base.waitForStage(({ stage }: Stage) => stage === "listening", "base", BOOT_TIMEOUT_MS, signal);
      for (const start of ["first", "second"]) {
        const startedMs = performance.now();
        // the first start has the firmware take the keys, and starts anew
        const { vm } = await rig.boot(signal, {
          storage,
          folder: join(folder, "vm"),
          keepVariables: start === "second",
        });
        await vm.waitForConsole(CAPTURES, BOOT_TIMEOUT_MS, signal);
        seconds.push((performance.now() - startedMs) / 1000);
        process.stderr.write(`${storage}: ${start} start captures after ${seconds.at(-1)?.toFixed(0)} s\n`);
        await vm.powerDown(BOOT_TIMEOUT_MS);
      }
    } finally {
      await base.stop();
    }
    return { storage, seconds };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${storage}: ${words}\n`);
    return { storage, seconds, error: words };
  } finally {
    stop.abort();
    await rm(folder, { recursive: true, force: true });
  }
}

function render(all: readonly Starts[]): string {
  const rows = all.map(({ storage, seconds, error }) => [
    storage,
    ...[0, 1].map((start) => seconds[start]?.toFixed(0) ?? (error === undefined ? "" : "does not come to capture")),
  ]);
  const head = ["disk at", "first start, seconds to capture", "second start"];
  return `${[renderMachine(readMachine()), "", ...renderRows([head, ...rows])].join("\n")}\n`;
}

const { values } = parseArgs({
  options: {
    storage: { type: "string", default: STORAGES.join(",") },
    image: { type: "string", default: join(PROJECT, "dist/cepa-hardware.raw") },
    docs: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});
const asked = values.storage.split(",");
const unknown = asked.find((name) => !STORAGES.some((storage) => storage === name));
if (values.help) process.stdout.write(USAGE);
else if (unknown !== undefined) {
  process.stderr.write(`hardware: --storage: expected ${STORAGES.join(", ")}, found ${unknown}\n${USAGE}`);
  process.exitCode = 2;
} else {
  const all: Starts[] = [];
  for (const storage of STORAGES) if (asked.includes(storage)) all.push(await tryStorage(storage, values.image));
  const table = render(all);
  process.stdout.write(table);
  if (values.docs !== undefined) {
    const page = join(values.docs, "guides/tech.md");
    await writeFile(page, replaceMarked(await readFile(page, "utf8"), "hardware", table));
  }
  if (all.some(({ error }) => error !== undefined)) process.exitCode = 1;
}

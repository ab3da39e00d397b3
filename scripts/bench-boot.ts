import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { nodeExec } from "../core/node/exec.ts";
import { findProfile } from "../image/profile.ts";
import { renderCommandLine } from "../image/uki.ts";
import type { Stage } from "../provider/base/stage.ts";
import { DEBIAN_DISK } from "./bench/debian-disk.ts";
import { readMachine } from "./bench/machine.ts";
import { replaceMarked } from "./bench/replace-marked.ts";
import { copySparse, findPartition } from "./rig/disk-image.ts";
import { type SensorVm, startSensorVm } from "./rig/qemu.ts";
import { makeRig } from "./rig/rig.ts";

const USAGE = `usage: bench-boot.ts [--runs N] [--docs FOLDER]

The built image and a plain Debian are started in turn, in the same emulator with the same firmware, processors and memory: seconds from
power-on to systemd's "Reached target multi-user", and for the sensor to the key, the open store, and capture. Medians; the first start of
each, which makes what later ones have, is not counted. Must run in a private network (scripts/private-network.sh).

  --runs N       of each (7)
  --docs FOLDER  put the table into BENCHMARKS.md there
`;

const PROJECT = join(import.meta.dirname, "..");
const IMAGE = join(PROJECT, "dist/cepa-qemu.raw");
const KEYS = join(PROJECT, ".cache/secure-boot");
const WORK = join(PROJECT, ".cache/image/qemu");
const BOOT_TIMEOUT_MS = 600_000;
const POLL_MS = 50;

/** What the console says when it has come so far. */
const MULTI_USER = /Reached target .*multi-user/i;
const SENSOR_STAGES = {
  "multi-user": MULTI_USER,
  key: /^cepa: key released/m,
  store: /^cepa: store open/m,
  capture: /^cepa: capturing on/m,
};

type Times = ReadonlyMap<string, number>;

/** Seconds from `startedMs` to each stage. */
async function watch(vm: SensorVm, startedMs: number, stages: Readonly<Record<string, RegExp>>): Promise<Times> {
  const times = new Map<string, number>();
  while (times.size < Object.keys(stages).length) {
    const text = stripVTControlCharacters(await vm.readConsole());
    for (const [name, pattern] of Object.entries(stages))
      if (!times.has(name) && pattern.test(text)) times.set(name, (performance.now() - startedMs) / 1000);
    if (performance.now() - startedMs > BOOT_TIMEOUT_MS)
      throw new Error(`only ${[...times.keys()]} in time:\n${text.slice(-2000)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return times;
}

/** The image whose kernel shows systemd's messages, as Debian's does. */
async function makeTalkingImage(folder: string, signal: AbortSignal): Promise<string> {
  const profile = findProfile("qemu");
  if (profile === undefined) throw new Error("there is no profile qemu");
  const rootHash = (await readFile(join(WORK, "root.hash"), "utf8")).trim();
  const commandLine = renderCommandLine(profile, rootHash).replace("show_status=no", "show_status=yes");
  const build = ["--linux=/work/vmlinuz", "--initrd=/work/initrd.zst", `--cmdline=${commandLine}`];
  const tools = join(PROJECT, ".cache/image/tools");
  const output = ["--os-release=@/work/system/usr/lib/os-release", "--output=/work/talking.efi"];
  const command = ["ukify", "build", ...build, ...output];
  const inTools = (...words: readonly string[]) =>
    nodeExec("sh", [join(PROJECT, "image/in-tools.sh"), tools, WORK, ...words], signal, { env: { CEPA_KEYS: KEYS } });
  await inTools(...command);
  // the image brings its keys: a firmware in setup mode takes them, and starts nothing else from then on
  const signature = ["--key=/keys/db.key", "--cert=/keys/db.crt", "--output=/work/talking.efi"];
  await inTools("sbsign", ...signature, "/work/talking.efi");
  const image = join(folder, "image.raw");
  await copyFile(IMAGE, image);
  const { version } = JSON.parse(await readFile(join(PROJECT, "dist/cepa-qemu.manifest.json"), "utf8")) as {
    version: string;
  };
  const esp = `${image}@@${(await findPartition(image, /^esp$/)).offsetBytes}`;
  const kernel = join(WORK, "talking.efi");
  await nodeExec("mcopy", ["-o", "-i", esp, kernel, `::/EFI/Linux/cepa_${version}.efi`], signal);
  await rm(kernel);
  return image;
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

async function run(runs: number, docs: string | undefined): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  const folder = await mkdtemp(join(tmpdir(), "cepa-bb-"));
  try {
    const rig = await makeRig(
      {
        ...{ program: join(PROJECT, "dist/cepa"), image: await makeTalkingImage(folder, signal), folder },
        ...{ sensorName: "bench", settings: {}, diskSize: "4G" },
      },
      signal,
    );
    const base = rig.startBase(signal);
    await base.waitForStage(({ stage }: Stage) => stage === "listening", "base", BOOT_TIMEOUT_MS, signal);
    const debian = join(folder, "debian.raw");
    await copySparse(DEBIAN_DISK, debian);
    const ours: Times[] = [];
    const theirs: Times[] = [];
    for (let round = 0; round <= runs; round++) {
      let startedMs = performance.now();
      // the firmware has its keys from the first start, which is not counted
      const keepVariables = round > 0;
      const { vm } = await rig.boot(signal, { folder: join(folder, "s"), keepVariables });
      const sensorTimes = await watch(vm, startedMs, SENSOR_STAGES);
      await vm.powerDown(BOOT_TIMEOUT_MS);
      startedMs = performance.now();
      const plain = await startSensorVm({ disk: debian, folder: join(folder, "d"), keepVariables }, signal);
      const debianTimes = await watch(plain, startedMs, { "multi-user": MULTI_USER });
      await plain.powerDown(BOOT_TIMEOUT_MS);
      const words = [...sensorTimes].map(([name, seconds]) => `${name} ${seconds.toFixed(1)} s`).join(", ");
      process.stderr.write(
        `bench: ${round === 0 ? "not counted: " : ""}${words}; Debian ${debianTimes.get("multi-user")?.toFixed(1)} s\n`,
      );
      if (round === 0) continue;
      ours.push(sensorTimes);
      theirs.push(debianTimes);
    }
    const of = (times: readonly Times[], name: string) => median(times.map((one) => one.get(name) ?? Number.NaN));
    const multiUser = of(ours, "multi-user");
    const ratio = multiUser / of(theirs, "multi-user");
    const afterBoth = median(
      ours.map((one) => (one.get("capture") ?? 0) - Math.max(one.get("key") ?? 0, one.get("multi-user") ?? 0)),
    );
    const machine = readMachine();
    const table = `| from power-on, median of ${runs} in turn | seconds |
| --- | ---: |
| plain Debian 13: multi-user | ${of(theirs, "multi-user").toFixed(1)} |
| sensor: multi-user | ${multiUser.toFixed(1)} |
| sensor: key released | ${of(ours, "key").toFixed(1)} |
| sensor: store open | ${of(ours, "store").toFixed(1)} |
| sensor: capture | ${of(ours, "capture").toFixed(1)} |

Sensor ÷ Debian to multi-user: **${ratio.toFixed(2)}**. Capture after multi-user and key, whichever is later: **${afterBoth.toFixed(1)} s**.
${machine.cpus} processors (${machine.cpu}), ${machine.system}, ${machine.date}.
`;
    process.stdout.write(table);
    if (docs !== undefined) {
      const page = join(docs, "BENCHMARKS.md");
      await writeFile(page, replaceMarked(await readFile(page, "utf8"), "boot", table));
    }
  } finally {
    stop.abort();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await rm(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "7" },
    docs: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else if (!/^[1-9]\d?$/.test(values.runs)) {
  process.stderr.write(`bench-boot: --runs: expected a number from 1 to 99, found ${values.runs}\n${USAGE}`);
  process.exitCode = 2;
} else await run(Number(values.runs), values.docs);

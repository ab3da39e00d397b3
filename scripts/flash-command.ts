import { access, open, readFile, stat } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { parseJson } from "../core/checked-json.ts";
import { STATE_FILES } from "../core/contract/identity.ts";
import type { NetworkConfig } from "../core/contract/network.ts";
import { readSensorConfig } from "../core/contract/sensor-config.ts";
import { DISK_WORDS, readStoreConfig, type StoreConfig } from "../core/contract/store.ts";
import { nodeExec } from "../core/node/exec.ts";
import type { Secret } from "../core/secret.ts";
import { makeBoxKeys } from "../image/flash/box-keys.ts";
import { FlashError } from "../image/flash/flash-error.ts";
import { type FlashPlan, type FlashTarget, parseSize, planFlash, renderFlashPlan } from "../image/flash/flash-plan.ts";
import { decodeGpt, GPT_BYTES } from "../image/flash/gpt.ts";
import { withImageFile } from "../image/flash/image-file.ts";
import { checkPrograms } from "../image/flash/programs.ts";
import { withMemoryFolder, writeStatePartition } from "../image/flash/state-partition.ts";
import { readTarget } from "../image/flash/target.ts";
import { type FlashProgress, writeDisk } from "../image/flash/write-disk.ts";
import { checkPassphrase, type EnrollableSensor, enrolSensor, readEnrollableSensor } from "../provider/enrol.ts";
import {
  PASSPHRASE_HELP,
  readByOption,
  readPassphrase,
  runParsed,
  STATE_HELP,
  stateFolder,
  UsageError,
} from "./command-line.ts";
import { readNetworkFlags } from "./network-flags.ts";

const DEFAULT_FILE_SIZE = "8G";

const USAGE = `usage: cepa flash --sensor NAME IMAGE FILE-OR-DEVICE [options]

Writes an image (dist/cepa-PROFILE.raw, or as .raw.zst) and one sensor's identity on a disk, or into a file for a virtual machine, reads it back and compares.
The sensor's keys are made here, straight into its state partition; nothing else keeps a copy.

  --sensor NAME            as given to cepa sensor add
  --uplink PCI|MAC         the port towards base (the one with the lowest PCI address)
  --span PCI|MAC           a SPAN port; may be given again (every other port)
  --address A.B.C.D/N      static address of the uplink, with --gateway and --dns (DHCP)
  --gateway A.B.C.D
  --dns A.B.C.D            may be given again
  --vlan ID                of the uplink
  --mtu OCTETS             of the uplink
  --store-disk DISK        the store on a disk of its own: ${DISK_WORDS} (the rest of this one)
  --take-store-disk        whatever is on that disk is overwritten at the first start
  --config FILE            settings of this sensor, JSON, that differ from the defaults
  --size SIZE              of the file, as 8G or 6000M (${DEFAULT_FILE_SIZE}); a device has its own
  --dry-run                say what would be written, and do nothing
  --json                   with --dry-run: as JSON
  --yes                    don't ask before a disk, a file or a sensor's earlier box is given up
${STATE_HELP}
${PASSPHRASE_HELP}
`;

/** `cepa flash …`; returns the exit status. */
export function runFlashCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = {
    sensor: { type: "string" },
    uplink: { type: "string" },
    span: { type: "string", multiple: true },
    address: { type: "string" },
    gateway: { type: "string" },
    dns: { type: "string", multiple: true },
    vlan: { type: "string" },
    mtu: { type: "string" },
    "store-disk": { type: "string" },
    "take-store-disk": { type: "boolean" },
    config: { type: "string" },
    size: { type: "string" },
    "dry-run": { type: "boolean" },
    json: { type: "boolean" },
    yes: { type: "boolean" },
    state: { type: "string" },
    "passphrase-file": { type: "string" },
  } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    const [image, path, ...more] = positionals;
    if (values.sensor === undefined) throw new UsageError("cepa flash: --sensor is missing: whose identity?");
    if (image === undefined || path === undefined || more.length > 0)
      throw new UsageError("cepa flash: expected an image, and the file or device to write");
    if (values.json === true && values["dry-run"] !== true)
      throw new UsageError("cepa flash: --json goes with --dry-run");
    const fileSizeBytes = parseSize(values.size ?? DEFAULT_FILE_SIZE);
    if (fileSizeBytes === undefined) throw new UsageError(`--size: expected a size like 8G, found ${values.size}`);
    const provider = stateFolder(values.state);
    const order: FlashOrder = {
      provider,
      sensor: values.sensor,
      image,
      network: readNetworkFlags(values),
      store: readStoreFlags(values["store-disk"], values["take-store-disk"]),
      settings: await readSettings(values.config),
      readPassphrase: () => readPassphrase(values["passphrase-file"]),
    };
    const { sensorId, vpnAddress, state, enrolment } = await readEnrollableSensor(provider, values.sensor);
    if (state === "revoked") throw new Error(`sensor ${values.sensor} is revoked: add one of another name`);
    await checkPrograms(process.env.PATH ?? "");
    const target = await readTarget(path, fileSizeBytes, nodeExec, signal);
    await checkImage(image, target);
    return withImageFile(image, signal, async (imageFile) => {
      const plan = await planImage(image, imageFile, target);
      const isLive = state !== "pending";
      if (values.json === true) {
        const { network, store = null } = order;
        const settings: unknown = JSON.parse(order.settings);
        const view = { sensor: order.sensor, sensorId, vpnAddress, flashedBefore: isLive, image, target, plan };
        process.stdout.write(`${JSON.stringify({ ...view, network, store, settings })}\n`);
        return 0;
      }
      process.stderr.write(
        `sensor ${order.sensor}, ${sensorId}, tunnel address ${vpnAddress}\n` +
          renderFlashPlan(plan, image, target, { ...order, settingsFile: values.config }),
      );
      if (isLive)
        process.stderr.write(
          `sensor ${order.sensor} was flashed before: the box that it is now can't connect any more, and what its store ` +
            "holds can never be read again\n",
        );
      if (values["dry-run"] === true) return 0;
      if (isLive && values.yes !== true) await confirmSensor(order.sensor);
      if (target.exists && values.yes !== true)
        await confirm(target.kind === "device" ? target.model : "", target.path);
      await flash({ ...order, image: imageFile, enrolment }, sensorId, target, plan, signal);
      process.stderr.write(`flash: done, ${path} is sensor ${order.sensor} (software identity)\n`);
      return 0;
    });
  });
}

interface FlashOrder {
  readonly provider: string;
  readonly sensor: string;
  readonly image: string;
  readonly network: NetworkConfig;
  /** undefined: the rest of the disk. */
  readonly store: StoreConfig | undefined;
  readonly settings: string;
  readPassphrase(): Promise<Secret>;
}

async function checkImage(image: string, target: FlashTarget): Promise<void> {
  const status = await stat(image).catch((cause: Error) => {
    throw new FlashError("badImage", `${image}: ${cause.message}`, { cause });
  });
  if (!status.isFile()) throw new FlashError("badImage", `${image} is not a file`);
  const there = await stat(target.path).catch(() => undefined);
  if (there !== undefined && there.dev === status.dev && there.ino === status.ino)
    throw new FlashError("badTarget", `${target.path} is the image itself`);
}

/** `file` is the image, unpacked; `image` is its name for people. */
async function planImage(image: string, file: string, target: FlashTarget): Promise<FlashPlan> {
  const start = Buffer.alloc(GPT_BYTES);
  const opened = await open(file, "r");
  const { bytesRead } = await opened.read(start, 0, GPT_BYTES, 0).finally(() => opened.close());
  const partitions = decodeGpt(start.subarray(0, bytesRead));
  if (!partitions.ok)
    throw new FlashError("badImage", `${image} is no disk image of Cepa: its partition table is ${partitions.reason}`);
  return planFlash({ sizeBytes: (await stat(file)).size, partitions: partitions.value }, target);
}

/**
 * Image, keys, certificate, state partition, in this order: the enrolment ends what the sensor was before, so all that can
 * fail comes first.
 */
async function flash(
  order: FlashOrder & Pick<EnrollableSensor, "enrolment">,
  sensorId: string,
  target: FlashTarget,
  plan: FlashPlan,
  signal: AbortSignal,
): Promise<void> {
  const passphrase = await order.readPassphrase();
  const keys = await makeBoxKeys(sensorId);
  try {
    await checkPassphrase(order.provider, passphrase);
    await writeDisk(order.image, target, plan, nodeExec, reportProgress(), signal);
    const enrolment = await enrolSensor(
      order.provider,
      passphrase,
      {
        name: order.sensor,
        enrolment: order.enrolment,
        csrPem: keys.csrPem,
        emergencyPublicKeyPem: keys.emergencyPublicKeyPem,
        flashedAtMs: Date.now(),
        settings: order.settings,
      },
      signal,
    );
    const encoder = new TextEncoder();
    const files = new Map<string, Uint8Array>([
      ...Object.entries(enrolment.files).map(([name, text]) => [name, encoder.encode(text)] as const),
      [STATE_FILES.network, encoder.encode(`${JSON.stringify(order.network, undefined, 2)}\n`)],
      ...(order.store === undefined
        ? []
        : [[STATE_FILES.store, encoder.encode(`${JSON.stringify(order.store)}\n`)] as const]),
      [STATE_FILES.privateKey, keys.privateKeyPem],
      [STATE_FILES.emergencyKey, keys.emergencyKeyPem],
    ]);
    await withMemoryFolder(nodeExec, signal, (folder) =>
      writeStatePartition(folder, files, target.path, plan.state, nodeExec, signal),
    );
  } finally {
    passphrase.wipe();
    keys.privateKeyPem.fill(0);
    keys.emergencyKeyPem.fill(0);
  }
}

function readStoreFlags(disk: string | undefined, take = false): StoreConfig | undefined {
  if (disk === undefined) {
    if (take) throw new UsageError("cepa flash: --take-store-disk goes with --store-disk");
    return undefined;
  }
  return readByOption({ disk: "--store-disk" }, () => readStoreConfig({ disk, take }));
}

async function readSettings(file: string | undefined): Promise<string> {
  if (file === undefined) return "{}";
  await access(file).catch((cause: Error) => {
    throw new UsageError(`--config: ${cause.message}`);
  });
  const text = await readFile(file, "utf8");
  readSensorConfig(parseJson(text, file));
  return text;
}

async function confirmSensor(name: string): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageError(`${name} was flashed before: give --yes, or answer on a terminal`);
  if ((await ask(`Type ${name} to make a new box of it: `)) !== name)
    throw new Error(`that is not ${name}; nothing was written`);
}

async function confirm(model: string, path: string): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageError(`${path} would be overwritten: give --yes, or answer on a terminal`);
  const what = model === "" ? path : `${path} (${model})`;
  if ((await ask(`Everything on ${what} will be lost. Type its name to go on: `)) !== path)
    throw new Error(`that is not ${path}; nothing was written`);
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(question);
  lines.close();
  return answer.trim();
}

const REPORT_EVERY_MS = 1000;

function reportProgress(): FlashProgress {
  let reportedAtMs = -REPORT_EVERY_MS;
  return (what, doneBytes, totalBytes) => {
    const nowMs = performance.now();
    if (doneBytes < totalBytes && nowMs - reportedAtMs < REPORT_EVERY_MS) return;
    reportedAtMs = nowMs;
    const percent = Math.floor((100 * doneBytes) / totalBytes);
    process.stderr.write(`flash: ${what === "write" ? "written" : "compared"} ${percent} %\n`);
  };
}

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Stage } from "../../provider/base/stage.ts";
import type { SensorView } from "../../provider/base/status.ts";
import { type BaseProcess, copyProvider, makeProvider, type Provider, startBase } from "./cepa-process.ts";
import { type GpsEmulator, startGpsEmulator } from "./gps-emulator.ts";
import { type ModemEmulator, startModemEmulator } from "./modem-emulator.ts";
import { type SensorVm, type SensorVmOptions, startSensorVm } from "./qemu.ts";

/** How a guest of QEMU's user network sees this machine. */
const HOST_SEEN_BY_GUEST = "10.0.2.2";
const WEBHOOK = "http://127.0.0.1:8480/v1/emergency";

export interface RigOptions {
  /** The built `cepa`. */
  readonly program: string;
  /** The image that is flashed. */
  readonly image: string;
  /** A new folder; everything is kept there. Short: sockets are made in it. */
  readonly folder: string;
  readonly sensorName: string;
  /** Settings of the sensor that differ from the defaults, for `cepa flash --config`. */
  readonly settings: object;
  readonly diskSize: string;
  /** Where the sensor finds base; by default where a guest of QEMU's user network sees this machine. */
  readonly remote?: string;
  /** Further arguments of `cepa flash`. */
  readonly flash?: readonly string[];
}

/** A provider, one flashed sensor, and the machine and the lines that it is plugged into. */
export interface Rig {
  readonly provider: Provider;
  readonly sensorName: string;
  readonly disk: string;
  startBase(signal: AbortSignal, onStage?: (stage: Stage) => void): BaseProcess;
  /** Switches the box on, with a GPS receiver and a modem on its serial lines. */
  boot(signal: AbortSignal, options?: Partial<SensorVmOptions>): Promise<RunningSensor>;
  view(signal: AbortSignal): Promise<SensorView>;
  /** The same base and box once more, in a new folder and a network of their own; base does not run meanwhile. The disk is the same file. */
  copy(folder: string, networkNamespace: string): Promise<Rig>;
}

export interface RunningSensor {
  readonly vm: SensorVm;
  readonly gps: GpsEmulator;
  readonly modem: ModemEmulator;
}

/** Makes a provider, enrols a sensor and flashes a disk for it. Must run where the network may be played with. */
export async function makeRig(options: RigOptions, signal: AbortSignal): Promise<Rig> {
  const { program, folder, sensorName } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const provider = await makeProvider(program, folder, options.remote ?? HOST_SEEN_BY_GUEST, signal);
  await provider.cepa(["sensor", "add", sensorName], signal);
  const settingsFile = join(folder, "settings.json");
  await writeFile(settingsFile, JSON.stringify(options.settings));
  const disk = join(folder, "disk.raw");
  const flash = [
    "flash",
    "--sensor",
    sensorName,
    "--yes",
    "--size",
    options.diskSize,
    "--config",
    settingsFile,
    ...(options.flash ?? []),
  ];
  await provider.cepa([...flash, options.image, disk], signal);
  return rigOf({ program, provider, sensorName, disk, folder });
}

interface RigParts {
  readonly program: string;
  readonly provider: Provider;
  readonly sensorName: string;
  readonly disk: string;
  readonly folder: string;
  readonly networkNamespace?: string;
}

function rigOf(parts: RigParts): Rig {
  const { program, provider, sensorName, disk, folder, networkNamespace } = parts;
  const network = networkNamespace === undefined ? {} : { networkNamespace };
  let boots = 0;
  return {
    provider,
    sensorName,
    disk,
    startBase: (signal, onStage) => startBase(program, provider, signal, onStage, networkNamespace),
    boot: async (signal, vmOptions = {}) => {
      const bootFolder = join(folder, `boot${boots++}`);
      await mkdir(bootFolder, { mode: 0o700 });
      const gps = await startGpsEmulator({ path: join(bootFolder, "gps") }, signal);
      const modem = await startModemEmulator({ path: join(bootFolder, "modem") }, signal);
      const lines = { gps: { path: gps.path }, modem: { path: modem.path } };
      const vm = await startSensorVm({ disk, folder: bootFolder, ...lines, ...network, ...vmOptions }, signal);
      return { vm, gps, modem };
    },
    view: async (signal) =>
      JSON.parse(await provider.cepa(["sensor", "show", sensorName, "--json"], signal)) as SensorView,
    copy: async (copyFolder, namespace) => {
      const copied = await copyProvider(program, provider, copyFolder);
      return rigOf({ ...parts, provider: copied, folder: copyFolder, networkNamespace: namespace });
    },
  };
}

/** Posts a message to base as an SMS gateway does; the HTTP status. */
export async function postToWebhook(body: object, signal: AbortSignal): Promise<number> {
  const response = await fetch(WEBHOOK, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  await response.body?.cancel();
  return response.status;
}

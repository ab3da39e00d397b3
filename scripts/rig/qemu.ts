import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { copyFile, mkdir, open, readFile, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { commandIn } from "./net-namespace.ts";
import { Qmp } from "./qmp.ts";
import { SpanSocket } from "./span-socket.ts";

/** The far end of a serial line: a pseudo-terminal or a device, or a Unix socket that QEMU connects to. */
export type SerialLine = { readonly path: string } | { readonly socketPath: string };

export interface SensorVmOptions {
  /** Raw disk image; written to, unless `discardWrites`. */
  readonly disk: string;
  /** For sockets, logs and the firmware's variables; made when it is not there. Short: a socket's path has 107 octets. */
  readonly folder: string;
  readonly discardWrites?: boolean;
  /** Where a server of network block devices (NBD) has the disk, in the place of `disk`. */
  readonly diskSocket?: string;
  /** By default virtio. */
  readonly storage?: Storage;
  /** Firmware that checks signatures once it has keys. By default one that doesn't. */
  readonly secureBoot?: boolean;
  /** The firmware's variables are those of the last start in this folder: keys that were enrolled stay. */
  readonly keepVariables?: boolean;
  readonly memoryMib?: number;
  readonly cpus?: number;
  /** SPAN ports, 1 by default. */
  readonly spanPorts?: number;
  /** ttyS2 (ttyS1 and the firmware: see serialArguments); nothing is there by default. */
  readonly gps?: SerialLine;
  /** The GPS receiver is behind a serial adapter on USB (FTDI), in the place of ttyS2. */
  readonly gpsOverUsb?: boolean;
  /** ttyS3. */
  readonly modem?: SerialLine;
  /** A tap device that is there already: the uplink's cable. By default the uplink reaches this machine, as 10.0.2.2, and no LAN. */
  readonly uplinkTap?: string;
  /** File of a network namespace that QEMU runs in; by default the one of this process. */
  readonly networkNamespace?: string;
  /** Further arguments for QEMU. */
  readonly more?: readonly string[];
}

/** What the disk is plugged into. `sd`: a card at an SDHCI host, which Linux drives as it does an eMMC chip. */
export const STORAGES = ["virtio", "sata", "nvme", "usb", "sd"] as const;
export type Storage = (typeof STORAGES)[number];

export const UPLINK_MAC = "02:ce:9a:00:00:01";
export function spanMac(port: number): string {
  return `02:ce:9a:00:01:${port.toString(16).padStart(2, "0")}`;
}

const FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const SECURE_BOOT_FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
const FIRMWARE_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd";
const POLL_MS = 200;
/** A system that has only just started may not yet listen to its button. */
const PRESS_MS = 5000;

/** A sensor in QEMU, by emulation, without KVM. Its uplink reaches this machine as 10.0.2.2. */
export interface SensorVm {
  readonly span: readonly SpanSocket[];
  readonly qmp: Qmp;
  readonly pid: number;
  /** What ttyS0 has shown so far, escape sequences included. */
  readonly consolePath: string;
  readConsole(): Promise<string>;
  /** Resolves with the text that matched; rejects after `timeoutMs`, or when QEMU ends, with the console's last lines. */
  waitForConsole(pattern: RegExp, timeoutMs: number, signal: AbortSignal): Promise<string>;
  /** PNG of the graphical console into `path`. */
  screenshot(path: string): Promise<void>;
  /** Takes the uplink's cable out, or puts it back. */
  setUplink(up: boolean): Promise<void>;
  setSpan(port: number, up: boolean): Promise<void>;
  /** Puts a USB stick in, whose content is a raw file; nothing is written to it. The function takes it out. */
  plugStick(path: string): Promise<() => Promise<void>>;
  /** Presses the power button and waits until the machine is off. */
  powerDown(timeoutMs: number): Promise<void>;
  /** Cuts the power. */
  kill(): Promise<void>;
  /** Resolves with QEMU's exit status (undefined: a signal) when it has ended. */
  readonly ended: Promise<number | undefined>;
}

/** Starts a sensor; when `signal` aborts, its power is cut. The caller awaits `ended`, or kills it. */
export async function startSensorVm(options: SensorVmOptions, signal: AbortSignal): Promise<SensorVm> {
  signal.throwIfAborted();
  const { folder } = options;
  await mkdir(folder, { recursive: true });
  if (options.keepVariables !== true) await copyFile(FIRMWARE_VARIABLES, variablesFile(folder));
  await rm(consoleFile(folder), { force: true });
  const args = qemuArguments(options);
  const errors = await open(`${folder}/qemu.log`, "w");
  const command = commandIn(options.networkNamespace, "qemu-system-x86_64", args);
  const child = spawn(...command, { stdio: ["ignore", errors.fd, errors.fd] });
  let running = true;
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status) => resolve(status ?? undefined));
  }).finally(() => {
    running = false;
    signal.removeEventListener("abort", cutPower);
    process.off("exit", cutPower);
  });
  ended.catch(() => {});
  const cutPower = () => child.kill("SIGKILL");
  signal.addEventListener("abort", cutPower, { once: true });
  process.once("exit", cutPower); // a test that throws leaves no machine behind
  await errors.close();
  const endedEarly = ended.then(async () => {
    throw new Error(`QEMU ended: ${await readFile(`${folder}/qemu.log`, "utf8")}`);
  });
  endedEarly.catch(() => {});
  const stop = new AbortController();
  const connecting = AbortSignal.any([signal, stop.signal]);
  try {
    const [qmp, ...span] = await Promise.race([
      Promise.all([
        Qmp.connect(qmpPath(folder), connecting),
        ...spanNumbers(options).map((port) => SpanSocket.connect(spanPath(folder, port), connecting)),
      ] as const),
      endedEarly,
    ]);
    const consolePath = consoleFile(folder);
    const readConsole = () => readFile(consolePath, "latin1").catch(() => "");
    const setLink = async (name: string, up: boolean) => void (await qmp.command("set_link", { name, up }));
    return {
      span,
      qmp,
      pid: child.pid ?? 0,
      consolePath,
      readConsole,
      waitForConsole: async (pattern, timeoutMs, waitSignal) => {
        const deadlineMs = performance.now() + timeoutMs;
        for (;;) {
          waitSignal.throwIfAborted();
          const text = await readConsole();
          const found = pattern.exec(text)?.[0];
          if (found !== undefined) return found;
          if (!running || performance.now() > deadlineMs)
            throw new Error(
              `${running ? "in time" : "before QEMU ended"}, no ${pattern} on the console:\n${text.slice(-3000)}`,
            );
          await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        }
      },
      screenshot: async (path) => void (await qmp.command("screendump", { filename: path, format: "png" })),
      setUplink: (up) => setLink("uplink", up),
      setSpan: (port, up) => setLink(`span${port}`, up),
      plugStick: (path) => plugStick(qmp, path),
      powerDown: async (timeoutMs) => {
        let timer: NodeJS.Timeout | undefined;
        const press = () => void qmp.command("system_powerdown").catch(() => {});
        press();
        const again = setInterval(press, PRESS_MS);
        const late = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error(`the sensor is still on after ${timeoutMs} ms`)), timeoutMs);
        });
        await Promise.race([ended, late]).finally(() => {
          clearTimeout(timer);
          clearInterval(again);
        });
      },
      kill: async () => {
        cutPower();
        await ended;
      },
      ended,
    };
  } catch (error) {
    stop.abort();
    cutPower();
    await ended.catch(() => {});
    throw error;
  }
}

async function plugStick(qmp: Qmp, filename: string): Promise<() => Promise<void>> {
  const id = `stick${randomUUID().slice(0, 8)}`;
  await qmp.command("blockdev-add", {
    ...{ "node-name": id, driver: "raw", "read-only": true },
    file: { driver: "file", filename, "read-only": true },
  });
  await qmp.command("device_add", { driver: "usb-storage", id: `${id}-port`, drive: id, bus: "usb.0" });
  return async () => void (await qmp.command("device_del", { id: `${id}-port` }));
}

/** The firmware's variables of the last start in this folder. */
export function variablesFile(folder: string): string {
  return `${folder}/firmware.vars`;
}

function qmpPath(folder: string): string {
  return `${folder}/qmp.sock`;
}

function spanPath(folder: string, port: number): string {
  return `${folder}/span${port}.sock`;
}

function consoleFile(folder: string): string {
  return `${folder}/console.log`;
}

function spanNumbers(options: SensorVmOptions): readonly number[] {
  return Array.from({ length: options.spanPorts ?? 1 }, (_, port) => port);
}

/** For QEMU 7.2 (Debian 12) and later. The uplink has the lowest PCI address, the disk a high one. */
function qemuArguments(options: SensorVmOptions): readonly string[] {
  const { folder } = options;
  return [
    ...[
      "-accel",
      "tcg,thread=multi",
      "-cpu",
      "max",
      "-machine",
      options.secureBoot === true ? "q35,smm=on" : "q35",
      "-nodefaults",
      "-display",
      "none",
      "-vga",
      "std",
    ],
    ...["-m", String(options.memoryMib ?? 2048), "-smp", String(options.cpus ?? Math.min(2, availableParallelism()))],
    // Only the firmware itself, in system management mode, may write its variables.
    ...(options.secureBoot === true ? ["-global", "driver=cfi.pflash01,property=secure,value=on"] : []),
    ...[
      "-drive",
      `if=pflash,format=raw,readonly=on,file=${options.secureBoot === true ? SECURE_BOOT_FIRMWARE : FIRMWARE}`,
    ],
    ...["-drive", `if=pflash,format=raw,file=${escapeComma(variablesFile(folder))}`],
    ...["-device", "virtio-rng-pci,addr=0x11", "-device", "qemu-xhci,id=usb,addr=0x12"],
    ...diskArguments(options),
    ...storageArguments(options),
    ...[
      "-netdev",
      options.uplinkTap === undefined
        ? "user,id=uplinknet"
        : `tap,id=uplinknet,ifname=${options.uplinkTap},script=no,downscript=no`,
      "-device",
      `e1000e,id=uplink,netdev=uplinknet,addr=0x2,romfile=,mac=${UPLINK_MAC}`,
    ],
    ...spanNumbers(options).flatMap((port) => [
      "-netdev",
      `stream,id=spannet${port},server=on,addr.type=unix,addr.path=${escapeComma(spanPath(folder, port))}`,
      "-device",
      `e1000e,id=span${port},netdev=spannet${port},addr=0x${(3 + port).toString(16)},romfile=,mac=${spanMac(port)}`,
    ]),
    ...["-chardev", `file,id=console,path=${escapeComma(consoleFile(folder))}`, "-serial", "chardev:console"],
    ...serialArguments(
      "gps",
      options.gpsOverUsb === true ? "usb-serial,bus=usb.0,port=1" : "isa-serial,index=2,irq=5",
      options.gps,
    ),
    ...serialArguments("modem", "isa-serial,index=3,irq=7", options.modem),
    ...["-qmp", `unix:${escapeComma(qmpPath(folder))},server=on,wait=off`],
    ...(options.more ?? []),
  ];
}

function diskArguments({ disk, discardWrites, diskSocket }: SensorVmOptions): readonly string[] {
  if (diskSocket !== undefined)
    return [
      "-blockdev",
      `driver=nbd,node-name=disk,server.type=unix,server.path=${escapeComma(diskSocket)},discard=unmap`,
    ];
  return [
    "-drive",
    `if=none,id=disk,format=raw,file=${escapeComma(disk)},cache=writeback,discard=unmap` +
      (discardWrites === true ? ",snapshot=on" : ""),
  ];
}

function storageArguments({ storage = "virtio" }: SensorVmOptions): readonly string[] {
  switch (storage) {
    case "virtio":
      return ["-device", "virtio-blk-pci,drive=disk,addr=0x10,bootindex=0"];
    case "sata":
      return ["-device", "ide-hd,drive=disk,bus=ide.0,bootindex=0"];
    case "nvme":
      return ["-device", "nvme,drive=disk,serial=cepa,addr=0x10,bootindex=0"];
    case "usb":
      return ["-device", "usb-storage,drive=disk,bus=usb.0,bootindex=0"];
    case "sd":
      return ["-device", "sdhci-pci,addr=0x10", "-device", "sd-card,drive=disk"];
  }
}

/**
 * COM3 and COM4, each with an interrupt of its own: OVMF takes COM1 and COM2 for consoles, and a GPS receiver there types
 * its sentences into the firmware's menus before the boot loader starts.
 */
function serialArguments(id: string, device: string, line: SerialLine | undefined): readonly string[] {
  if (line === undefined) return [];
  const backend =
    "path" in line
      ? `serial,id=${id},path=${escapeComma(line.path)}`
      : `socket,id=${id},path=${escapeComma(line.socketPath)}`;
  return ["-chardev", backend, "-device", `${device},chardev=${id}`];
}

/** A comma in a value of QEMU's options is written twice. */
function escapeComma(text: string): string {
  return text.replaceAll(",", ",,");
}

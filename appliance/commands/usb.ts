import { constants } from "node:fs";
import { open, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { journalLog } from "../../core/node/log.ts";
import { type Exec, ExecError } from "../../core/ports.ts";
import { judgeUsbDevice, parseAllowedDevices, type UsbVerdict } from "../usb/allowed-devices.ts";
import { aliasOf, decodeUsbDescriptors, nameOf, usbIdOf } from "../usb/descriptors.ts";
import { addUsbReport, USB_PORT_PATTERN } from "../usb/usb-reports.ts";

const ALLOWED = "/usr/share/cepa/usb-devices.txt";
const USAGE = `cepa-sensor usb PORT [--dry-run] [--allowed FILE] [--run FOLDER] [--devices FOLDER]

Looks at the USB device at PORT (1-1, 1-1.4: a name in /sys/bus/usb/devices), and lets those of its interfaces work that the image allows
by driver and number. Run for each device that is plugged in, as root: until then the kernel lets none do anything.

  --dry-run          says what would be done
  --allowed FILE     what is allowed (${ALLOWED})
  --run FOLDER       what is found is kept there, for the health record (/run/cepa)
  --devices FOLDER   where the kernel shows devices (/sys/bus/usb/devices)

Exit status: 0 it works, at least in part; 1 it is refused, or can't be read; 2 not called as above.
`;

/** `cepa-sensor usb`; resolves to the exit status. */
export async function runUsbCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      "dry-run": { type: "boolean", default: false },
      allowed: { type: "string", default: ALLOWED },
      run: { type: "string", default: "/run/cepa" },
      devices: { type: "string", default: "/sys/bus/usb/devices" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [port = "", ...more] = positionals;
  if (!USB_PORT_PATTERN.test(port) || more.length > 0) {
    process.stderr.write(
      `cepa-sensor usb: expected one port, like 1-1.4, found ${JSON.stringify(positionals.join(" "))}\n`,
    );
    return 2;
  }
  const log = journalLog("usb");
  // All of the device goes through this one handle: what takes its place at the port in the meantime is another.
  const handle = await open(join(values.devices, port), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const folder = `/proc/self/fd/${handle.fd}`;
    const { id, interfaces, aliases, drivers, why } = await lookAt(folder, values.allowed, signal);
    const tell = (isAdmitted: boolean, reason: string) => {
      const words = isAdmitted ? `admitted${reason && `, but ${reason}`}` : `refused: ${reason}`;
      log(reason === "" ? "info" : "warning", words, { port, id, drivers });
      return isAdmitted ? 0 : 1;
    };
    const isAdmitted = interfaces.length > 0;
    if (values["dry-run"]) return tell(isAdmitted, why);
    const failure = isAdmitted ? await admit(folder, port, interfaces, aliases, values.devices) : "";
    const found = failure === "" ? { drivers, why } : { drivers: [], why: failure };
    await addUsbReport(values.run, { atMs: nodeClock.nowMs(), port, id, ...found });
    return tell(isAdmitted && failure === "", found.why);
  } finally {
    await handle.close();
  }
}

interface Seen extends UsbVerdict {
  readonly id: string;
  /** Of the interfaces, as they were judged: each by its name, with those of all its alternate settings. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
}

async function lookAt(folder: string, allowedFile: string, signal: AbortSignal): Promise<Seen> {
  const allowed = parseAllowedDevices(await readFile(allowedFile, "utf8"));
  const decoded = decodeUsbDescriptors(await readFile(join(folder, "descriptors")));
  if (!decoded.ok) {
    const why = `what it says of itself is ${decoded.reason} at ${decoded.atOffset}`;
    return { id: "unreadable", interfaces: [], aliases: new Map(), drivers: [], why };
  }
  const device = decoded.value;
  const aliases = new Map(
    [...Map.groupBy(device.interfaces, nameOf)].map(([name, all]) => [name, all.map((one) => aliasOf(device, one))]),
  );
  const drivers = new Map<string, readonly string[]>();
  for (const alias of new Set([...aliases.values()].flat()))
    drivers.set(alias, await driversOf(alias, nodeExec, signal));
  return { id: usbIdOf(device), aliases, ...judgeUsbDevice(device, (alias) => drivers.get(alias) ?? [], allowed) };
}

/**
 * Interfaces first do nothing on this bus, so that the device itself may be configured; then those that are admitted get their drivers,
 * once all are, and only when the kernel has read of each what was judged (Linux, Documentation/usb/authorization.rst). Resolves to what
 * went wrong, for people, or to nothing: a device may fail, or be gone by now.
 */
async function admit(
  folder: string,
  port: string,
  interfaces: readonly string[],
  aliases: Seen["aliases"],
  devices: string,
): Promise<string> {
  await writeFile(join(devices, `usb${port.split("-")[0]}`, "interface_authorized_default"), "0");
  try {
    await writeFile(join(folder, "authorized"), "1");
    const all = await readdir(folder);
    // of the configuration that the kernel chose
    const there = interfaces.filter((name) => all.includes(`${port}:${name}`));
    for (const name of there) {
      const alias = (await readFile(join(folder, `${port}:${name}`, "modalias"), "utf8")).trim();
      if (aliases.get(name)?.includes(alias)) continue;
      await writeFile(join(folder, "authorized"), "0");
      return `interface ${name} is not what was judged, but ${alias}`;
    }
    for (const name of there) await writeFile(join(folder, `${port}:${name}`, "authorized"), "1");
    for (const name of there) await writeFile(join(dirname(devices), "drivers_probe"), `${port}:${name}`);
    return "";
  } catch (error) {
    return `it does not start (${(error as NodeJS.ErrnoException).code})`;
  }
}

/** Modules of this image that take what has this alias, and those built in; modprobe(8) gives exit status 1 for none. */
async function driversOf(alias: string, exec: Exec, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const { stdout } = await exec("modprobe", ["--resolve-alias", alias], signal);
    return stdout.split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof ExecError && error.status === 1) return [];
    throw error;
  }
}

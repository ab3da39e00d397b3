import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nodeClock } from "../core/node/clock.ts";
import { nodeExec } from "../core/node/exec.ts";
import { journalLog } from "../core/node/log.ts";
import { type Exec, ExecError } from "../core/ports.ts";
import { judgeUsbDevice, parseAllowedDevices, type UsbVerdict } from "./usb/allowed-devices.ts";
import { aliasesOf, decodeUsbDescriptors, usbIdOf } from "./usb/descriptors.ts";
import { loadUsbReport, saveUsbReport, USB_PORT_PATTERN } from "./usb/usb-reports.ts";

const ALLOWED = "/usr/share/cepa/usb-devices.txt";
const USAGE = `cepa-sensor usb PORT [--dry-run] [--allowed FILE] [--run FOLDER]

Looks at the USB device at PORT (1-1, 1-1.4: a name in /sys/bus/usb/devices), and lets it work when the image allows it by driver and
number. Run for each device that is plugged in, as root: until then the kernel lets none do anything.

  --dry-run        says what would be done
  --allowed FILE   what is allowed (${ALLOWED})
  --run FOLDER     what is found is kept there, for the health record (/run/cepa)

Exit status: 0 it works; 1 it is refused, or can't be read.
`;
const DEVICES = "/sys/bus/usb/devices";

/** `cepa-sensor usb`; resolves to the exit status. */
export async function runUsbCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      "dry-run": { type: "boolean", default: false },
      allowed: { type: "string", default: ALLOWED },
      run: { type: "string", default: "/run/cepa" },
      devices: { type: "string", default: DEVICES },
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
  const folder = join(values.devices, port);
  const allowed = parseAllowedDevices(await readFile(values.allowed, "utf8"));
  const decoded = decodeUsbDescriptors(await readFile(join(folder, "descriptors")));
  const id = decoded.ok ? usbIdOf(decoded.value) : "unreadable";
  const verdict: UsbVerdict = decoded.ok
    ? judgeUsbDevice(
        id,
        await Promise.all(aliasesOf(decoded.value).map((alias) => driversOf(alias, nodeExec, signal))),
        allowed,
      )
    : { isAdmitted: false, drivers: [], why: `what it says of itself is ${decoded.reason} at ${decoded.atOffset}` };
  const fields = { port, id, drivers: verdict.drivers };
  log(verdict.isAdmitted ? "info" : "warning", verdict.isAdmitted ? "admitted" : `refused: ${verdict.why}`, fields);
  if (values["dry-run"]) return verdict.isAdmitted ? 0 : 1;
  if (verdict.isAdmitted) await writeFile(join(folder, "authorized"), "1");
  const refusals = ((await loadUsbReport(values.run, port))?.refusals ?? 0) + (verdict.isAdmitted ? 0 : 1);
  await saveUsbReport(values.run, { atMs: nodeClock.nowMs(), port, id, ...verdict, refusals });
  return verdict.isAdmitted ? 0 : 1;
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

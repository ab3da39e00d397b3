import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { UsbDeviceReport } from "../../core/contract/health.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";

/** In the folder of the roles' sockets; a file for each port that something was plugged into since the box was switched on. */
const FOLDER = "usb";
/** A device can say that it is a tree of hubs. What is plugged into further ports shares one report. */
export const USB_PORTS_MAX = 32;
const FURTHER = "further";
/** `1-1.4`: bus, port, and ports of hubs (Linux, usb_alloc_dev). */
export const USB_PORT_PATTERN = /^\d{1,3}-\d{1,3}(?:\.\d{1,3}){0,5}$/;

/** Replaces what is known of the port, and counts its refusals on. */
export async function addUsbReport(runFolder: string, found: Omit<UsbDeviceReport, "refusals">): Promise<void> {
  const folder = join(runFolder, FOLDER);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const known = await readdir(folder);
  const port = known.includes(found.port) || known.length < USB_PORTS_MAX ? found.port : FURTHER;
  const refusals = ((await loadUsbReport(folder, port))?.refusals ?? 0) + (found.why === "" ? 0 : 1);
  await writeFileAtomically(join(folder, port), JSON.stringify({ ...found, port, refusals }), 0o644);
}

/** In the order of ports; what can't be read is left out. */
export async function loadUsbReports(runFolder: string): Promise<readonly UsbDeviceReport[]> {
  const folder = join(runFolder, FOLDER);
  const names = await readdir(folder).catch(() => []);
  const ports = names.filter((name) => USB_PORT_PATTERN.test(name) || name === FURTHER).sort();
  const reports = await Promise.all(ports.map((port) => loadUsbReport(folder, port)));
  return reports.filter((report) => report !== undefined);
}

async function loadUsbReport(folder: string, port: string): Promise<UsbDeviceReport | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, port), "utf8")) as UsbDeviceReport;
  } catch {
    return undefined;
  }
}

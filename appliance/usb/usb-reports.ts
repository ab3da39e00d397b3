import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { UsbDeviceReport } from "../../core/contract/health.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";

/** In the folder of the roles' sockets; a file for each port that something was plugged into since the box was switched on. */
const FOLDER = "usb";
const PORTS_MAX = 64;
/** `1-1.4`: bus, port, and ports of hubs (Linux, usb_alloc_dev). */
export const USB_PORT_PATTERN = /^\d{1,3}-\d{1,3}(?:\.\d{1,3}){0,5}$/;

/** Replaces what is known of the port. */
export async function saveUsbReport(runFolder: string, report: UsbDeviceReport): Promise<void> {
  const folder = join(runFolder, FOLDER);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await writeFileAtomically(join(folder, report.port), JSON.stringify(report), 0o644);
}

export async function loadUsbReport(runFolder: string, port: string): Promise<UsbDeviceReport | undefined> {
  try {
    return JSON.parse(await readFile(join(runFolder, FOLDER, port), "utf8")) as UsbDeviceReport;
  } catch {
    return undefined;
  }
}

/** In the order of ports; what can't be read is left out. */
export async function loadUsbReports(runFolder: string): Promise<readonly UsbDeviceReport[]> {
  const names = await readdir(join(runFolder, FOLDER)).catch(() => []);
  const ports = names.filter((name) => USB_PORT_PATTERN.test(name)).sort();
  const reports = await Promise.all(ports.slice(0, PORTS_MAX).map((port) => loadUsbReport(runFolder, port)));
  return reports.filter((report) => report !== undefined);
}

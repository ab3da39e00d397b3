import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { addUsbReport, loadUsbReports, USB_PORTS_MAX } from "../../appliance/usb/usb-reports.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { ExecError } from "../../core/ports.ts";
import { KEYBOARD, NESTED, SERIAL_ADAPTER, STICK, withMore } from "../unit/appliance/usb/descriptor-bytes.ts";

/** `cepa-sensor usb` as it is built, over a folder like /sys/bus/usb; which modules there are is this test's, not this machine's. */
const SENSOR = join(import.meta.dirname, "../../dist/cepa-sensor");
const folder = mkdtempSync(join(tmpdir(), "cepa-usb-"));
after(() => rmSync(folder, { recursive: true }));
const devices = join(folder, "bus/devices");
const allowed = join(folder, "allowed.txt");
const programs = join(folder, "bin");
mkdirSync(programs);
mkdirSync(join(devices, "usb1"), { recursive: true });
writeFileSync(allowed, "ftdi_sio 0403:*\nusb_storage *:* 08/06/50\n");
const modprobe = `#!/bin/sh
[ "$1" = --resolve-alias ] || exit 2
case $2 in
  *icFFiscFFipFF*) echo ftdi_sio ;;
  *ic03*) echo usbhid ;;
  *ic08*) echo usb_storage ;;
  *) exit 1 ;;
esac
`;
writeFileSync(join(programs, "modprobe"), modprobe, { mode: 0o755 });

/** What the kernel says of an interface. */
const SERIAL_ALIAS = "usb:v0403p6001d0400dc00dsc00dp00icFFiscFFipFFin00\n";
const STICK_ALIAS = "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00\n";
const KEYBOARD_ALIAS = "usb:v46F4p0001d0000dc00dsc00dp00ic03isc01ip01in00\n";

/** Its interface 0 has the alias. */
function plugIn(port: string, descriptors: Uint8Array, alias: string): void {
  for (const name of ["", ...[0, 1].map((number) => `${port}:1.${number}`)]) {
    mkdirSync(join(devices, port, name), { recursive: true });
    writeFileSync(join(devices, port, name, "authorized"), "0");
  }
  writeFileSync(join(devices, port, `${port}:1.0`, "modalias"), alias);
  writeFileSync(join(devices, port, "descriptors"), descriptors);
}

async function look(port: string, ...more: readonly string[]): Promise<number | undefined> {
  const options = ["--devices", devices, "--allowed", allowed, "--run", folder, ...more];
  const env = { PATH: `${programs}:${process.env.PATH}` };
  try {
    await nodeExec(SENSOR, ["usb", port, ...options], AbortSignal.timeout(30_000), { env });
    return 0;
  } catch (error) {
    assert.ok(error instanceof ExecError);
    return error.status;
  }
}

/** Of the device, and of its interfaces 0 and 1. */
const authorized = (port: string) =>
  ["", `${port}:1.0`, `${port}:1.1`]
    .map((name) => readFileSync(join(devices, port, name, "authorized"), "utf8"))
    .join("");

test("what is allowed works, without what it would be beside that; what isn't is refused, and counted", async () => {
  plugIn("1-1", SERIAL_ADAPTER, SERIAL_ALIAS);
  plugIn("1-2.4", withMore(STICK, 18, KEYBOARD), STICK_ALIAS);
  plugIn("1-3", withMore(STICK.subarray(0, 27), 18, KEYBOARD), KEYBOARD_ALIAS);
  plugIn("1-4", Uint8Array.of(0x12, 1), "");
  assert.equal(await look("1-1", "--dry-run"), 0);
  assert.equal(authorized("1-1"), "000", "a dry run lets nothing work");
  assert.deepEqual(await loadUsbReports(folder), []);
  assert.equal(await look("1-1"), 0);
  assert.equal(readFileSync(join(devices, "usb1/interface_authorized_default"), "utf8"), "0");
  assert.equal(readFileSync(join(folder, "bus/drivers_probe"), "utf8"), "1-1:1.0");
  assert.equal(await look("1-2.4"), 0);
  assert.equal(readFileSync(join(folder, "bus/drivers_probe"), "utf8"), "1-2.4:1.0");
  assert.deepEqual([await look("1-3"), await look("1-3"), await look("1-4")], [1, 1, 1]);
  assert.deepEqual(["1-1", "1-2.4", "1-3", "1-4"].map(authorized), ["110", "110", "000", "000"]);
  assert.deepEqual(
    (await loadUsbReports(folder)).map((report) => ({ ...report, atMs: 0 })),
    [
      { atMs: 0, port: "1-1", id: "0403:6001", drivers: ["ftdi_sio"], why: "", refusals: 0 },
      {
        ...{ atMs: 0, port: "1-2.4", id: "46f4:0001", drivers: ["usb_storage"], refusals: 1 },
        why: "usbhid is not allowed for 46f4:0001 03/01/01",
      },
      {
        ...{ atMs: 0, port: "1-3", id: "46f4:0001", drivers: [], refusals: 2 },
        why: "usbhid is not allowed for 46f4:0001 03/01/01",
      },
      {
        ...{ atMs: 0, port: "1-4", id: "unreadable", drivers: [], refusals: 1 },
        why: "what it says of itself is truncated at 2",
      },
    ],
  );
});

test("what does not start is told as refused", async () => {
  const run = join(folder, "failing");
  plugIn("2-1", SERIAL_ADAPTER, SERIAL_ALIAS);
  mkdirSync(join(devices, "usb2"));
  rmSync(join(devices, "2-1", "authorized"));
  mkdirSync(join(devices, "2-1", "authorized"));
  assert.equal(await look("2-1", "--run", run), 1);
  const [report] = await loadUsbReports(run);
  assert.deepEqual([report?.drivers, report?.why, report?.refusals], [[], "it does not start (EISDIR)", 1]);
});

test("what the kernel reads otherwise is refused: by its descriptors, else once it has read them", async () => {
  const run = join(folder, "misread");
  mkdirSync(join(devices, "usb3"));
  plugIn("3-1", NESTED, KEYBOARD_ALIAS);
  plugIn("3-2", STICK, KEYBOARD_ALIAS);
  assert.deepEqual([await look("3-1", "--run", run), await look("3-2", "--run", run)], [1, 1]);
  assert.deepEqual(["3-1", "3-2"].map(authorized), ["000", "000"]);
  assert.deepEqual(
    (await loadUsbReports(run)).map(({ why, refusals }) => [why, refusals]),
    [
      ["what it says of itself is malformed at 27", 1],
      [`interface 1.0 is not what was judged, but ${KEYBOARD_ALIAS.trim()}`, 1],
    ],
  );
});

test("ports without end share a report", async () => {
  const run = join(folder, "many");
  const found = { atMs: 0, id: "046d:c31c", drivers: [], why: "usbhid is not allowed for 046d:c31c 03/01/01" };
  for (let port = 1; port <= USB_PORTS_MAX + 3; port++) await addUsbReport(run, { ...found, port: `1-${port}` });
  await addUsbReport(run, { ...found, port: "1-1" });
  const reports = await loadUsbReports(run);
  assert.equal(reports.length, USB_PORTS_MAX + 1);
  assert.deepEqual(reports.at(-1), { ...found, port: "further", refusals: 3 });
  assert.equal(reports.find(({ port }) => port === "1-1")?.refusals, 2);
});

for (const port of ["../../etc", "1-1:1.0", "usb1", ""])
  test(`no port: ${JSON.stringify(port)}`, async () => assert.equal(await look(port), 2));

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadUsbReports } from "../../appliance/usb/usb-reports.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { ExecError } from "../../core/ports.ts";

/** `cepa-sensor usb` as it is built, over a folder like /sys/bus/usb/devices; which modules there are is this test's, not this machine's. */
const SENSOR = join(import.meta.dirname, "../../dist/cepa-sensor");
const folder = mkdtempSync(join(tmpdir(), "cepa-usb-"));
after(() => rmSync(folder, { recursive: true }));
const devices = join(folder, "devices");
const allowed = join(folder, "allowed.txt");
const programs = join(folder, "bin");
mkdirSync(programs);
writeFileSync(allowed, "ftdi_sio 0403:*\n");
const modprobe = `#!/bin/sh
[ "$1" = --resolve-alias ] || exit 2
case $2 in
  *icFFiscFFipFF*) echo ftdi_sio ;;
  *ic03*) echo usbhid ;;
  *) exit 1 ;;
esac
`;
writeFileSync(join(programs, "modprobe"), modprobe, { mode: 0o755 });

const SERIAL =
  "1201000200000008030401600004010203010902200001010080320904000002ffffff0207058102400000070502024000 00".replace(
    " ",
    "",
  );
const KEYBOARD = "090401000103010100";

function plugIn(port: string, descriptors: string): void {
  mkdirSync(join(devices, port), { recursive: true });
  writeFileSync(join(devices, port, "descriptors"), Buffer.from(descriptors, "hex"));
  writeFileSync(join(devices, port, "authorized"), "0");
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

const authorized = (port: string) => readFileSync(join(devices, port, "authorized"), "utf8");
const reports = async () => (await loadUsbReports(folder)).map((report) => ({ ...report, atMs: 0 }));

test("what is allowed works; what it would be beside that is refused, and counted", async () => {
  plugIn("1-1", SERIAL);
  plugIn("1-2.4", SERIAL + KEYBOARD);
  plugIn("1-3", "1201");
  assert.equal(await look("1-1", "--dry-run"), 0);
  assert.equal(authorized("1-1"), "0", "a dry run lets nothing work");
  assert.deepEqual([await look("1-1"), await look("1-2.4"), await look("1-2.4"), await look("1-3")], [0, 1, 1, 1]);
  assert.deepEqual([authorized("1-1"), authorized("1-2.4"), authorized("1-3")], ["1", "0", "0"]);
  assert.deepEqual(await reports(), [
    { ...{ atMs: 0, port: "1-1", id: "0403:6001", isAdmitted: true, drivers: ["ftdi_sio"] }, why: "", refusals: 0 },
    {
      ...{ atMs: 0, port: "1-2.4", id: "0403:6001", isAdmitted: false, drivers: ["ftdi_sio", "usbhid"] },
      ...{ why: "usbhid is not allowed for 0403:6001", refusals: 2 },
    },
    {
      ...{ atMs: 0, port: "1-3", id: "unreadable", isAdmitted: false, drivers: [] },
      ...{ why: "what it says of itself is truncated at 2", refusals: 1 },
    },
  ]);
});

for (const port of ["../../etc", "1-1:1.0", "usb1", ""])
  test(`no port: ${JSON.stringify(port)}`, async () => assert.equal(await look(port), 2));

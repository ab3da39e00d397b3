import assert from "node:assert/strict";
import { glob, mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { HEADER_AND_SLOTS_BYTES } from "../../appliance/vault/erase-store.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { ExecError } from "../../core/ports.ts";
import type { SensorView } from "../../provider/base/status.ts";
import type { BaseProcess } from "../../scripts/rig/cepa-process.ts";
import { findPartition, partitionsOf } from "../../scripts/rig/disk-image.ts";
import { type GpioBoard, startGpioBoard } from "../../scripts/rig/gpio-board.ts";
import { UPLINK_MAC } from "../../scripts/rig/qemu.ts";
import { makeRig, type Rig, type RunningSensor } from "../../scripts/rig/rig.ts";
import { findFileOnDisk, flipBit } from "../support/disk.ts";
import { putIntoFirstSlot } from "../support/image-in-slot.ts";
import { makeImageVersion } from "../support/image-version.ts";
import { waitForRigView } from "../support/wait-for-view.ts";
import { addSshd } from "../support/with-sshd.ts";

/**
 * A host on the sensor's LAN looks at every port of a sensor that is up: frames over a tap device, no user network between. Meanwhile
 * the sensor looks at every block of its root file system, one of which is changed; so one start serves for both. Must run in a
 * private network (scripts/private-network.sh). A build with sshd shows that the scan would have found what is open.
 */
const PROJECT = join(import.meta.dirname, "../..");
const PROGRAM = join(PROJECT, "dist/cepa");
const IMAGE = join(PROJECT, "dist/cepa-qemu.raw");
const CACHE = join(PROJECT, ".cache/image");
const MANIFEST = join(PROJECT, "dist/cepa-qemu.manifest.json");
const TOOLS = join(CACHE, "tools");
const IN_TOOLS = ["sh", join(PROJECT, "image/in-tools.sh"), TOOLS, join(CACHE, "qemu")];
/** A driver of hardware that isn't there. */
const UNREAD = "pl2303.ko";
const NAME = "scan-1";
const TAP = "cepa-lan";
const HOST = "192.0.2.1";
const SENSOR = "192.0.2.2";
const BUTTON_LINE = 3;
const SETTINGS = {
  link: { heartbeatMs: 2000 },
  eraseButton: { chip: "cp2112_gpio", line: BUTTON_LINE, pressedLevel: 0, holdMs: 5000 },
};
const STATIC = ["--address", `${SENSOR}/24`, "--gateway", HOST, "--dns", HOST];

/** Four times what is typical under emulation. */
const BOOT_TIMEOUT_MS = 300_000;
const SCAN_TIMEOUT_MS = 240_000;
const POLL_MS = 1000;
const PORTS = 65_535;
/** cepa-check-root.timer, and as long again for the check. */
const ROOT_CHECK_MS = 240_000;

const stop = new AbortController();
const { signal } = stop;
const folder = await mkdtemp(join(tmpdir(), "cepa-scan-"));
const RELEASED = 0xff;
const STORE_DISK = join(folder, "store.raw");
const STORE_DISK_BYTES = 512 * 1024 * 1024;
const WITH_STORE_DISK = [
  ...["-drive", `if=none,id=store,format=raw,file=${STORE_DISK}`],
  ...["-device", "virtio-blk-pci,drive=store,addr=0x13"],
];
let rig: Rig;
let base: BaseProcess | undefined;
let sensor: RunningSensor | undefined;
let board: GpioBoard | undefined;
after(async () => {
  stop.abort();
  await base?.ended;
  await sensor?.vm.ended;
  board?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Scan {
  /** Of who answered for the address. */
  readonly mac: string | undefined;
  /** Ports by what nmap calls their state. */
  readonly states: Readonly<Record<string, number>>;
}

/** Every port, by SYN (`-sS`) or by UDP datagrams (`-sU`). */
async function scan(kind: "-sS" | "-sU"): Promise<Scan> {
  const pace = ["--max-retries", "1", "--min-rate", "5000", "--max-rtt-timeout", "300ms"];
  const { stdout } = await nodeExec(
    "nmap",
    [kind, "-n", "-Pn", "-p", `1-${PORTS}`, ...pace, "-oX", "-", SENSOR],
    AbortSignal.timeout(SCAN_TIMEOUT_MS),
  );
  const states: Record<string, number> = {};
  for (const [, state = "", count] of stdout.matchAll(/<extraports state="([^"]+)" count="(\d+)"/g))
    states[state] = (states[state] ?? 0) + Number(count);
  for (const [, state = ""] of stdout.matchAll(/<state state="([^"]+)"/g)) states[state] = (states[state] ?? 0) + 1;
  // "open|filtered": no answer to a datagram
  return { mac: /<address addr="([^"]+)" addrtype="mac"/.exec(stdout)?.[1]?.toLowerCase(), states };
}

test("a sensor that is up", { timeout: 2 * BOOT_TIMEOUT_MS }, async () => {
  const ip = (...args: readonly string[]) => nodeExec("ip", args, signal);
  await ip("tuntap", "add", "dev", TAP, "mode", "tap");
  await ip("address", "add", `${HOST}/24`, "dev", TAP);
  await ip("link", "set", TAP, "up");
  rig = await makeRig(
    {
      ...{ program: PROGRAM, image: IMAGE, folder, sensorName: NAME, settings: SETTINGS, diskSize: "4G" },
      ...{ remote: HOST, flash: [...STATIC, "--store-disk", "second", "--take-store-disk"] },
    },
    signal,
  );
  const [unread = ""] = await Array.fromAsync(
    glob(`usr/lib/modules/**/${UNREAD}`, { cwd: join(CACHE, "qemu/system") }),
  );
  const file = { inTools: IN_TOOLS, rootFile: "/work/root.erofs" };
  await flipBit(rig.disk, await findFileOnDisk(rig.disk, `/${unread}`, file));
  base = rig.startBase(signal);
  await base.waitForStage(({ stage }) => stage === "listening", "listening", BOOT_TIMEOUT_MS, signal);
  await writeFile(STORE_DISK, "of someone else");
  await truncate(STORE_DISK, STORE_DISK_BYTES);
  sensor = await rig.boot(signal, { uplinkTap: TAP, more: WITH_STORE_DISK });
  const deadlineMs = performance.now() + BOOT_TIMEOUT_MS;
  while ((await rig.view(signal)).health?.capture?.state !== "capturing") {
    assert.ok(performance.now() < deadlineMs, (await sensor.vm.readConsole()).slice(-3000));
    await delay(POLL_MS, undefined, { signal });
  }
});

test("its store is on the disk that it has for that, what was there is gone, and there is none beside the system", async () => {
  const labels = async (disk: string) => (await partitionsOf(disk)).map(({ label }) => label);
  assert.deepEqual(await labels(STORE_DISK), ["nsm"]);
  assert.ok(!(await labels(rig.disk)).includes("nsm"));
  const { health } = await rig.view(signal);
  assert.deepEqual(health?.shortfalls, ["the store's disk 0.5 GB, 8 GB is least"]);
  const { offsetBytes } = await findPartition(STORE_DISK, /^nsm$/);
  const start = Buffer.from((await readStart(offsetBytes)).subarray(0, 6));
  assert.equal(start.toString("latin1"), "LUKS\xba\xbe");
});

for (const { kind, closed } of [
  { kind: "-sS", closed: "filtered" },
  { kind: "-sU", closed: "open|filtered" },
] as const)
  test(`answers at no port (${kind})`, { timeout: SCAN_TIMEOUT_MS }, async () => {
    assert.deepEqual(await scan(kind), { mac: UPLINK_MAC, states: { [closed]: PORTS } });
  });

test("answers no echo request", async () => {
  const ping = nodeExec("ping", ["-c", "2", "-W", "2", SENSOR], signal);
  await assert.rejects(ping, (error) => error instanceof ExecError && /100% packet loss/.test(error.stdout));
});

test("a block that is not what it was, and that nothing reads, is found and told to base", {
  timeout: 4 * ROOT_CHECK_MS,
}, async () => {
  for (;;) {
    const rootCheck = (await rig.view(signal)).health?.rootCheck ?? null;
    if (rootCheck !== null) {
      assert.equal(rootCheck.result, "damaged", rootCheck.detail);
      return;
    }
    await delay(POLL_MS, undefined, { signal });
  }
});

test("the same scan of a build with a way in finds it", {
  timeout: 2 * BOOT_TIMEOUT_MS + SCAN_TIMEOUT_MS,
}, async () => {
  await sensor?.vm.powerDown(BOOT_TIMEOUT_MS);
  const { version } = JSON.parse(await readFile(MANIFEST, "utf8")) as { version: string };
  const set = await makeImageVersion(join(folder, "open"), version, version, (tree) => addSshd(tree, TOOLS));
  await putIntoFirstSlot(set, rig.disk, ["sh", join(PROJECT, "image/in-tools.sh"), TOOLS, folder]);
  board = await startGpioBoard(join(folder, "gpio.sock"), RELEASED);
  sensor = await rig.boot(signal, { uplinkTap: TAP, more: [...WITH_STORE_DISK, ...board.qemuArguments] });
  await sensor.vm.waitForConsole(/^cepa: vpn up/m, BOOT_TIMEOUT_MS, signal);
  const { mac, states } = await scan("-sS");
  assert.deepEqual({ mac, states }, { mac: UPLINK_MAC, states: { filtered: PORTS - 1, open: 1 } });
});

test("its button, held for long enough, erases everything, and base is told", {
  timeout: 3 * BOOT_TIMEOUT_MS,
}, async () => {
  assert.ok(sensor !== undefined && board !== undefined);
  const waitForView = (what: string, matches: (view: SensorView) => boolean) =>
    waitForRigView(
      { rig, sensor: () => sensor as RunningSensor, pollMs: POLL_MS },
      what,
      BOOT_TIMEOUT_MS,
      matches,
      signal,
    );
  await sensor.vm.waitForConsole(/^cepa: store open/m, BOOT_TIMEOUT_MS, signal);
  const { offsetBytes } = await findPartition(STORE_DISK, /^nsm$/);
  assert.ok((await readStart(offsetBytes)).some((octet) => octet !== 0));
  // a button that is down when it is first looked at asks for nothing
  const deadlineMs = performance.now() + BOOT_TIMEOUT_MS;
  while (board.reads < 2) {
    assert.ok(performance.now() < deadlineMs, "the button's line is not looked at");
    await delay(POLL_MS, undefined, { signal });
  }
  board.levels = RELEASED & ~(1 << BUTTON_LINE);
  await sensor.vm.waitForConsole(/the button is held: EVERYTHING on this box will be erased/, BOOT_TIMEOUT_MS, signal);
  const { wipe, state } = await waitForView("its store is erased", (view) => view.wipe?.erasedAtMs != null);
  assert.deepEqual([wipe?.cause, wipe?.orderedAtMs, state], ["button", null, "hold"]);
  await sensor.vm.waitForConsole(/without an identity/, BOOT_TIMEOUT_MS, signal);
  assert.ok((await readStart(offsetBytes)).every((octet) => octet === 0));
});

/** Of the store: both headers and all key slots. */
async function readStart(offsetBytes: number): Promise<Uint8Array> {
  const start = Buffer.alloc(HEADER_AND_SLOTS_BYTES);
  const disk = await open(STORE_DISK, "r");
  await disk.read(start, 0, start.length, offsetBytes).finally(() => disk.close());
  return start;
}

import assert from "node:assert/strict";
import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import { type SensorVm, startSensorVm } from "../../scripts/rig/qemu.ts";
import { findFileOnDisk, flipBit } from "../support/disk.ts";

/** The image that `make image` built, with one bit changed that every start reads. What nothing reads is in scan.test.ts. */
const PROJECT = join(import.meta.dirname, "../..");
const IMAGE = join(PROJECT, "dist/cepa-qemu.raw");
const CACHE = join(PROJECT, ".cache/image");
const IN_TOOLS = ["sh", join(PROJECT, "image/in-tools.sh"), join(CACHE, "tools"), join(CACHE, "qemu")];
const DISK_BYTES = 4 * 1024 ** 3;
/** Four times what is typical under emulation. */
const BOOT_TIMEOUT_MS = 240_000;

const stop = new AbortController();
const { signal } = stop;
const folder = await mkdtemp(join(tmpdir(), "cepa-verity-"));
let vm: SensorVm | undefined;
after(async () => {
  stop.abort();
  await vm?.ended;
  await rm(folder, { recursive: true, force: true });
});

test("a block that is read and is not what it was stops the box", { timeout: 2 * BOOT_TIMEOUT_MS }, async () => {
  const disk = join(folder, "disk.raw");
  await nodeExec("cp", ["--sparse=always", "--reflink=auto", IMAGE, disk], signal);
  await truncate(disk, DISK_BYTES);
  const file = { inTools: IN_TOOLS, rootFile: "/work/root.erofs" };
  await flipBit(disk, await findFileOnDisk(disk, "/usr/lib/systemd/systemd", file));
  vm = await startSensorVm({ disk, folder: join(folder, "vm") }, signal);
  await vm.waitForConsole(/dm-verity device corrupted|device-mapper: verity: .* is corrupted/, BOOT_TIMEOUT_MS, signal);
  await vm.waitForConsole(/Kernel panic/, BOOT_TIMEOUT_MS, signal);
  assert.doesNotMatch(await vm.readConsole(), /cepa: status follows/);
});

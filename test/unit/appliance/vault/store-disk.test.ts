import assert from "node:assert/strict";
import { mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBlank } from "../../../../appliance/vault/disks.ts";
import { type Disk, findSecondDisk, planStoreDisk } from "../../../../appliance/vault/store-disk.ts";
import { readStoreConfig } from "../../../../core/contract/store.ts";

const OURS = { partitions: ["nsm"], blank: false, storeBlank: false };
const CUT_OFF = { ...OURS, storeBlank: true };
const EMPTY = { partitions: [], blank: true, storeBlank: true };
const WINDOWS = { partitions: ["EFI", ""], blank: false, storeBlank: true };
const DATA = { partitions: [], blank: false, storeBlank: true };
const REFUSED = "empty it, or flash the box with --take-store-disk";
const LOST = "and no store, which this box made before: flash the box anew";

for (const { name, disk, take, known, expected } of [
  { name: "ours", disk: OURS, take: false, known: true, expected: { action: "use" } },
  { name: "ours, and it could be taken", disk: OURS, take: true, known: true, expected: { action: "use" } },
  {
    name: "made, and cut off before it was noted",
    disk: CUT_OFF,
    take: true,
    known: false,
    expected: { action: "use" },
  },
  {
    name: "a store of an earlier box",
    disk: OURS,
    take: false,
    known: false,
    expected: { action: "refuse", why: `it has a store of before this box was flashed: ${REFUSED}` },
  },
  {
    name: "a store of an earlier box that may be taken",
    disk: OURS,
    take: true,
    known: false,
    expected: { action: "take" },
  },
  { name: "empty", disk: EMPTY, take: false, known: false, expected: { action: "partition" } },
  { name: "another empty one, later", disk: EMPTY, take: false, known: true, expected: { action: "partition" } },
  {
    name: "partitions of another",
    disk: WINDOWS,
    take: false,
    known: false,
    expected: { action: "refuse", why: `it has partitions (EFI, no name): ${REFUSED}` },
  },
  {
    name: "data without a table",
    disk: DATA,
    take: false,
    known: false,
    expected: { action: "refuse", why: `it has data: ${REFUSED}` },
  },
  {
    name: "a store beside something else",
    disk: { partitions: ["nsm", "data"], blank: false, storeBlank: true },
    take: false,
    known: false,
    expected: { action: "refuse", why: `it has partitions (nsm, data): ${REFUSED}` },
  },
  { name: "may be taken", disk: WINDOWS, take: true, known: false, expected: { action: "take" } },
  {
    name: "may be taken, and was before: what is there may be a store whose table is damaged",
    disk: DATA,
    take: true,
    known: true,
    expected: { action: "refuse", why: `it has data ${LOST}` },
  },
])
  test(`planStoreDisk: ${name}`, () => assert.deepEqual(planStoreDisk(disk, take, known), expected));

const disk = (name: string, change: Partial<Disk> = {}): Disk => ({
  ...{ name, sizeBytes: 1e9, system: false, removable: false },
  ...change,
});
const SYSTEM = disk("sda", { system: true });

for (const { name, disks, expected } of [
  { name: "one", disks: [SYSTEM, disk("sdb")], expected: disk("sdb") },
  {
    name: "neither a stick nor an empty reader",
    disks: [SYSTEM, disk("sdb", { removable: true }), disk("sdc", { sizeBytes: 0 })],
    expected: "there is no second disk",
  },
  {
    name: "two",
    disks: [SYSTEM, disk("sdb"), disk("nvme0n1")],
    expected: "there are 2 disks beside the system's (sdb, nvme0n1): name one by its path",
  },
])
  test(`findSecondDisk: ${name}`, () => assert.deepEqual(findSecondDisk(disks), expected));

test("isBlank: a single octet at either end says no, one in the middle does not", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cepa-blank-"));
  try {
    const path = join(folder, "disk");
    const sizeBytes = 8 * 1024 * 1024;
    for (const { at, expected } of [
      { at: undefined, expected: true },
      { at: sizeBytes / 2, expected: true },
      { at: 0, expected: false },
      { at: 1024 * 1024 - 1, expected: false },
      { at: sizeBytes - 1, expected: false },
    ]) {
      await writeFile(path, "");
      await truncate(path, sizeBytes);
      const file = await open(path, "r+");
      if (at !== undefined) await file.write(Uint8Array.of(1), 0, 1, at);
      await file.close();
      assert.equal(await isBlank(path), expected, String(at));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("readStoreConfig: a disk by a name that stays, nothing else", () => {
  const take = false;
  for (const good of [
    "second",
    "/dev/disk/by-path/pci-0000:00:1f.2-ata-2",
    "/dev/disk/by-id/nvme-eui.0025388b71b2c3d4",
  ])
    assert.deepEqual(readStoreConfig({ disk: good, take }), { disk: good, take });
  for (const bad of ["/dev/sdb", "/dev/disk/by-id/../../sda", "third", "", 7])
    assert.throws(() => readStoreConfig({ disk: bad, take }), /store\.disk: expected second, or a path below/);
  assert.throws(() => readStoreConfig({ disk: "second", take, size: 1 }), /store\.size/);
});

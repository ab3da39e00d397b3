import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type BlockLog, cutPowerAfter, type LoggedRequest, replayLog } from "../../support/block-log.ts";
import { parseKernels } from "../../support/esp-kernels.ts";
import { choosePowerCuts } from "../../support/power-cuts.ts";

const SECTOR = 512;
const DISK_SECTORS = 64;

const folder = await mkdtemp(join(tmpdir(), "cepa-log-"));
after(() => rm(folder, { recursive: true, force: true }));

const write = (sector: number, more: { dataAt?: number; isForced?: boolean } = {}): LoggedRequest => ({
  ...{ kind: "write", offsetBytes: sector * SECTOR, sizeBytes: SECTOR, isForced: false, dataAt: 0 },
  ...more,
});
const flush = (coveredRequests: number): LoggedRequest => ({ kind: "flush", coveredRequests });

const PARTITIONS = [
  { label: "esp", offsetBytes: 8 * SECTOR, sizeBytes: 8 * SECTOR },
  { label: "nsm", offsetBytes: 16 * SECTOR, sizeBytes: 40 * SECTOR },
];

test("half of the cuts lie in the ESP and the table of partitions, at either end of the disk; the others over what is left", () => {
  const store = Array.from({ length: 20 }, (_, at) => write(16 + at));
  const entries = [write(1), flush(1), ...store, write(9), write(60), ...store];
  const choose = (from: number, to: number, count: number, always: Parameters<typeof choosePowerCuts>[4] = []) =>
    choosePowerCuts(entries, { from, to }, PARTITIONS, count, always).map((cut) => Object.values(cut));
  assert.deepEqual(choose(0, entries.length, 6), [
    [1, "partition table", true],
    [3, "nsm", false],
    [23, "esp", true],
    [24, "partition table", false],
    [25, "nsm", true],
    [44, "nsm", false],
  ]);
  assert.deepEqual(choose(21, 23, 2), [
    [22, "nsm", true],
    [23, "esp", false],
  ]);
  const always = [{ requests: 23, place: "esp: empty", losesAll: true }];
  assert.deepEqual(choose(0, entries.length, 3, always), [
    [23, "esp: empty", true],
    [24, "partition table", true],
    [25, "nsm", false],
  ]);
  assert.deepEqual(choose(0, entries.length, 1, always), [[23, "esp: empty", true]]);
});

async function makeLog(name: string, entries: readonly LoggedRequest[]): Promise<BlockLog> {
  const path = join(folder, name);
  await writeFile(path, Buffer.concat([1, 2, 3, 4, 5, 6].map((fill) => Buffer.alloc(SECTOR, fill))));
  return { path, entries };
}

test("after a cut there is what a flush covered, what was forced, and of the rest what survives", async () => {
  const log = await makeLog("cut", [
    write(0, { dataAt: 0 }),
    write(1, { dataAt: SECTOR }),
    flush(1), // it came before the second write was answered
    write(2, { dataAt: 2 * SECTOR, isForced: true }),
    write(3, { dataAt: 3 * SECTOR }),
    { kind: "zero", offsetBytes: 4 * SECTOR, sizeBytes: SECTOR, isForced: false },
    flush(6),
    { kind: "trim", offsetBytes: 0, sizeBytes: SECTOR, isForced: false },
  ]);
  const [before, disk] = [join(folder, "before"), join(folder, "disk")];
  await writeFile(before, Buffer.alloc(DISK_SECTORS * SECTOR, 9));
  const sectors = async () => {
    const octets = await readFile(disk);
    assert.equal(octets.length, DISK_SECTORS * SECTOR);
    return [0, 1, 2, 3, 4, 5].map((sector) => octets[sector * SECTOR]);
  };
  const sectorsAfter = async (done: number, survives: (offsetBytes: number) => boolean) => {
    await cutPowerAfter(done, log, before, disk, ({ offsetBytes }) => survives(offsetBytes));
    return sectors();
  };
  assert.deepEqual(await sectorsAfter(2, () => false), [9, 9, 9, 9, 9, 9]);
  assert.deepEqual(await sectorsAfter(6, () => false), [1, 9, 3, 9, 9, 9]);
  assert.deepEqual(await sectorsAfter(6, (offsetBytes) => offsetBytes === 3 * SECTOR), [1, 9, 3, 4, 9, 9]);
  assert.deepEqual(await sectorsAfter(7, () => false), [1, 2, 3, 4, 0, 9]);
  assert.deepEqual(await sectorsAfter(8, () => false), [1, 2, 3, 4, 0, 9]);
  await replayLog(log, before, disk);
  assert.deepEqual(await sectors(), [0, 2, 3, 4, 0, 9]);
});

test("a log that lacks what it says was written is an error", async () => {
  const log = await makeLog("short", [write(0, { dataAt: 6 * SECTOR })]);
  const before = join(folder, "before-short");
  await writeFile(before, Buffer.alloc(SECTOR));
  await assert.rejects(replayLog(log, before, join(folder, "disk-short")), /ends at 3072, before 3584/);
});

test("kernels of a listing by mdir", () => {
  const listing = `
.            <DIR>     2026-11-27  11:26 
CEPA_9~2 EFI         0 2026-11-27  11:26  cepa_900.1.efi
CEPA_0~1 EFI  18664992 2026-11-27  11:26  cepa_0.1.0.efi
        4 files          18 664 992 bytes
`;
  const kernels = parseKernels(listing);
  assert.deepEqual(kernels, [
    { name: "cepa_0.1.0.efi", sizeBytes: 18_664_992 },
    { name: "cepa_900.1.efi", sizeBytes: 0 },
  ]);
});

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { cutPowerAfter, readBlockLog } from "../../support/block-log.ts";
import { choosePowerCuts } from "../../support/power-cuts.ts";

/** Logs made by hand, by Linux's Documentation/admin-guide/device-mapper/log-writes.rst; QEMU's are read in test/e2e/update.test.ts. */
const SECTOR = 512;
const [FLUSH, FORCED] = [1, 2];
const DISK_SECTORS = 64;

const folder = await mkdtemp(join(tmpdir(), "cepa-log-"));
after(() => rm(folder, { recursive: true, force: true }));

interface Request {
  readonly sector?: number;
  readonly sectors?: number;
  readonly flags?: number;
  readonly fill?: number;
}

function head(...words: readonly number[]): Buffer {
  const sector = Buffer.alloc(SECTOR);
  for (const [at, word] of words.entries()) sector.writeBigUInt64LE(BigInt(word), 8 * at);
  return sector;
}

async function makeLog(name: string, requests: readonly Request[], count = requests.length): Promise<string> {
  const superblock = head(0, 1, count);
  superblock.writeBigUInt64LE(0x6a736677736872n, 0);
  superblock.writeUInt32LE(SECTOR, 24);
  const entries = requests.flatMap(({ sector = 0, sectors = 0, flags = 0, fill = 0 }) => [
    head(sector, sectors, flags),
    Buffer.alloc(sectors * SECTOR, fill),
  ]);
  const path = join(folder, name);
  await writeFile(path, Buffer.concat([superblock, ...entries]));
  return path;
}

const PARTITIONS = [
  { label: "esp", offsetBytes: 8 * SECTOR, sizeBytes: 8 * SECTOR },
  { label: "nsm", offsetBytes: 16 * SECTOR, sizeBytes: 40 * SECTOR },
];

test("half of the cuts lie in the ESP and the table of partitions, at either end of the disk; the others over what is left", async () => {
  const store = Array.from({ length: 20 }, (_, at) => ({ sector: 16 + at, sectors: 1 }));
  const requests = [{ sector: 1, sectors: 1 }, { flags: FLUSH }, ...store, { sector: 9, sectors: 1 }];
  const log = await readBlockLog(await makeLog("choice", [...requests, { sector: 60, sectors: 1 }, ...store]));
  const whole = { fromBytes: 0, toBytes: Number.MAX_SAFE_INTEGER };
  const places = choosePowerCuts(log, whole, PARTITIONS, 6).map(({ requests: done, place }) => [done, place]);
  assert.deepEqual(places, [
    [1, "partition table"],
    [3, "nsm"],
    [23, "esp"],
    [24, "partition table"],
    [25, "nsm"],
    [44, "nsm"],
  ]);
  const fromBytes = log.entries[20]?.endsAt ?? 0;
  const toBytes = log.entries[22]?.endsAt ?? 0;
  const within = choosePowerCuts(log, { fromBytes, toBytes }, PARTITIONS, 2);
  assert.deepEqual(within, [
    { requests: 22, place: "nsm" },
    { requests: 23, place: "esp" },
  ]);
});

test("after a cut there is what was flushed, what was forced, and of the rest what survives", async () => {
  const requests = [
    { sector: 0, sectors: 1, fill: 1 },
    { flags: FLUSH },
    { sector: 1, sectors: 1, fill: 2 },
    { sector: 2, sectors: 1, fill: 3, flags: FORCED },
    { sector: 3, sectors: 1, fill: 4 },
    { sector: 4, sectors: 1, fill: 5 },
  ];
  const log = await readBlockLog(await makeLog("cut", requests));
  const [before, disk] = [join(folder, "before"), join(folder, "disk")];
  await writeFile(before, Buffer.alloc(DISK_SECTORS * SECTOR));
  const sectorsAfter = async (done: number, survives: (offsetBytes: number) => boolean) => {
    await cutPowerAfter(done, log, before, disk, ({ offsetBytes }) => survives(offsetBytes));
    const octets = await readFile(disk);
    return [0, 1, 2, 3, 4].map((sector) => octets[sector * SECTOR]);
  };
  assert.deepEqual(await sectorsAfter(5, () => false), [1, 0, 3, 0, 0]);
  assert.deepEqual(await sectorsAfter(5, (offsetBytes) => offsetBytes === 3 * SECTOR), [1, 0, 3, 4, 0]);
  assert.deepEqual(await sectorsAfter(6, () => true), [1, 2, 3, 4, 5]);
});

test("a log that is spoilt is no log", async () => {
  const requests = [{ sector: 0, sectors: 1 }];
  await assert.rejects(readBlockLog(await makeLog("short", requests, 2)), /has 1 of 2 requests, then what is none/);
  const far = await makeLog("far", [...requests, { sector: 1, sectors: 1 }]);
  const octets = await readFile(far);
  octets.writeBigUInt64LE(1n << 40n, SECTOR + 2 * SECTOR + 8);
  await writeFile(far, octets);
  await assert.rejects(readBlockLog(far), /has 1 of 2 requests, then what is none/);
  await writeFile(far, Buffer.alloc(SECTOR));
  await assert.rejects(readBlockLog(far), /is no log of writes/);
});

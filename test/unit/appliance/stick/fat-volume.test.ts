import assert from "node:assert/strict";
import { test } from "node:test";
import type { FatEntry } from "../../../../appliance/stick/fat-layout.ts";
import { FatVolume } from "../../../../appliance/stick/fat-volume.ts";
import { openStick } from "../../../../appliance/stick/stick-source.ts";
import { UpdateRefusedError } from "../../../../core/contract/update-refusal.ts";
import type { SourceFile } from "../../../../core/node/set-source.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const SECTOR = 512;
const CLUSTERS = 100;
const DATA_AT = 2 * SECTOR;
const END = 0x0fffffff;

/** The least that is FAT32: a boot sector, one table of one sector, clusters of one sector; the root is cluster 2. */
function makeFat(table: Readonly<Record<number, number>>, clusters: Readonly<Record<number, Uint8Array>>): Buffer {
  const disk = Buffer.alloc(DATA_AT + CLUSTERS * SECTOR);
  disk.writeUInt16LE(SECTOR, 11);
  disk.writeUInt8(1, 13);
  disk.writeUInt16LE(1, 14);
  disk.writeUInt8(1, 16);
  disk.writeUInt32LE(2 + CLUSTERS, 32);
  disk.writeUInt32LE(1, 36);
  disk.writeUInt32LE(2, 44);
  disk.writeUInt16BE(0x55aa, 510);
  for (const [cluster, next] of Object.entries({ 2: END, ...table }))
    disk.writeUInt32LE(next, SECTOR + Number(cluster) * 4);
  for (const [cluster, octets] of Object.entries(clusters)) disk.set(octets, DATA_AT + (Number(cluster) - 2) * SECTOR);
  return disk;
}

const FOLDER = 0x10;

/** An entry, with parts of a long name in front where there is one. */
function entry(short: string, firstCluster: number, sizeBytes: number, { long = "", attributes = 0x20 } = {}): Buffer {
  const octets = Buffer.alloc(32);
  octets.write(short.padEnd(11), "latin1");
  octets.writeUInt8(attributes, 11);
  octets.writeUInt16LE(firstCluster >>> 16, 20);
  octets.writeUInt16LE(firstCluster & 0xffff, 26);
  octets.writeUInt32LE(sizeBytes, 28);
  if (long === "") return octets;
  const checksum = octets.subarray(0, 11).reduce((sum, octet) => (((sum & 1) << 7) + (sum >> 1) + octet) & 0xff, 0);
  const parts = long.match(/.{1,13}/gs) ?? [];
  const named = parts.map((text, at) => {
    const part = Buffer.alloc(32, 0xff);
    part.writeUInt8((at + 1) | (at === parts.length - 1 ? 0x40 : 0), 0);
    part.writeUInt8(0x0f, 11);
    part.writeUInt8(0, 12);
    part.writeUInt8(checksum, 13);
    part.writeUInt16LE(0, 26);
    const places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
    for (const [unit, place] of places.entries())
      if (unit <= text.length) part.writeUInt16LE(unit === text.length ? 0 : text.charCodeAt(unit), place);
    return part;
  });
  return Buffer.concat([...named.reverse(), octets]);
}

/** `disk` as a device that reads no more than `most` octets at a time, and counts reads. */
function deviceOf(disk: Uint8Array, most = Number.POSITIVE_INFINITY): SourceFile & { reads: number } {
  return {
    reads: 0,
    async read(buffer, offset, length, position) {
      this.reads++;
      const found = disk.subarray(position, position + Math.min(length, most));
      buffer.set(found, offset);
      return { bytesRead: found.length };
    },
  };
}

const CONTENT = Buffer.from(Array.from({ length: 1700 }, (_, at) => (at * 7) & 0xff));

/** A file of four clusters, in three pieces. */
const PIECES = { 10: 11, 11: 5, 5: 90, 90: END };
const SCATTERED = makeFat(PIECES, {
  2: Buffer.concat([
    entry("STICK", 0, 0, { attributes: 0x08 }),
    entry("FILE", 10, CONTENT.length, { long: "a file with a rather long name.data" }),
    entry("EMPTY   TXT", 0, 0),
    entry("\xe5GONE", 10, 4),
  ]),
  10: CONTENT.subarray(0, 512),
  11: CONTENT.subarray(512, 1024),
  5: CONTENT.subarray(1024, 1536),
  90: CONTENT.subarray(1536),
});

async function readFile(file: SourceFile, sizeBytes: number, chunkBytes: number): Promise<Buffer> {
  const octets = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const { bytesRead } = await file.read(octets, at, Math.min(chunkBytes, sizeBytes - at), at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return octets;
}

async function firstFile(disk: Uint8Array, most?: number): Promise<[SourceFile, FatEntry]> {
  const volume = await FatVolume.open(deviceOf(disk, most));
  const [found] = await volume.list();
  assert.ok(found);
  return [volume.openFile(found), found];
}

test("names, long and short; labels and what was deleted are none", async () => {
  const volume = await FatVolume.open(deviceOf(SCATTERED));
  assert.deepEqual(
    (await volume.list()).map(({ name, sizeBytes }) => [name, sizeBytes]),
    [
      ["a file with a rather long name.data", 1700],
      ["EMPTY.TXT", 0],
    ],
  );
});

for (const chunkBytes of [1, 500, 512, 600, 4096])
  test(`a file in pieces, ${chunkBytes} octets at a time`, async () => {
    const [file, { sizeBytes }] = await firstFile(SCATTERED);
    assert.deepEqual(await readFile(file, sizeBytes, chunkBytes), CONTENT);
  });

test("backwards, behind the end, and from a device that gives little at a time", async () => {
  const [file] = await firstFile(SCATTERED, 100);
  const octets = Buffer.alloc(10);
  for (const at of [1690, 1030, 3, 511, 0]) {
    const { bytesRead } = await file.read(octets, 0, 10, at);
    assert.deepEqual(octets.subarray(0, bytesRead), CONTENT.subarray(at, at + bytesRead));
    assert.ok(bytesRead > 0);
  }
  assert.deepEqual(await file.read(octets, 0, 10, 1700), { bytesRead: 0 });
});

test("clusters that lie one behind the other are read at once", async () => {
  const disk = makeFat({ 3: 4, 4: 5, 5: END }, { 2: entry("F", 3, 1500) });
  const device = deviceOf(disk);
  const volume = await FatVolume.open(device);
  const [found] = await volume.list();
  assert.ok(found);
  device.reads = 0;
  assert.deepEqual(await volume.openFile(found).read(Buffer.alloc(1500), 0, 1500, 0), { bytesRead: 1500 });
  assert.equal(device.reads, 1);
});

const reading = async (disk: Uint8Array) => {
  const [file, { sizeBytes }] = await firstFile(disk);
  await readFile(file, Math.min(sizeBytes, 100_000), 4096); // those who read look at the size first
};

for (const [name, disk, message] of [
  ["nothing", Buffer.alloc(0), /no file system, or is cut off/],
  ["zeros", Buffer.alloc(4096), /no file system/],
  ["a chain that leads outside", makeFat({ 10: 5000 }, { 2: entry("F", 10, 600) }), /leads outside/],
  ["a chain that ends early", makeFat({ 10: END }, { 2: entry("F", 10, 600) }), /F ends before its size/],
  ["a file that begins outside", makeFat({}, { 2: entry("F", 1, 600) }), /begins outside/],
  ["a folder without end", makeFat({ 2: 3, 3: 2 }, { 2: entry("\xe5", 0, 0) }), /a folder has no end/],
  ["a device cut off", SCATTERED.subarray(0, DATA_AT + 5 * SECTOR), /smaller than its file system says/],
] as const)
  test(`damaged: ${name}`, () => assert.rejects(reading(disk), { name: "FatError", message }));

test("not FAT32: FAT16, and sizes that can't be", async () => {
  for (const [at, value] of [
    [17, 2],
    [22, 9],
    [11, 3],
    [13, 0],
    [16, 9],
  ] as const) {
    const disk = Buffer.from(SCATTERED);
    disk.writeUInt8(value, at);
    await assert.rejects(FatVolume.open(deviceOf(disk)), { name: "FatError" }, `octet ${at}`);
  }
});

test("a file in a ring of clusters ends with its size", async () => {
  const [file, { sizeBytes }] = await firstFile(makeFat({ 10: 11, 11: 10 }, { 2: entry("F", 10, 1600) }));
  assert.equal((await readFile(file, sizeBytes, 4096)).length, 1600);
});

test("of the sets on a stick, the greatest version for the profile; a name that is no version is none", async () => {
  const folder = (short: string, at: number, long: string) => entry(short, at, 0, { long, attributes: FOLDER });
  const disk = makeFat(
    { 20: END, 21: END, 22: END, 23: END, 30: END },
    {
      2: Buffer.concat([
        folder("A", 20, "cepa-qemu-1.9.0.update"),
        folder("B", 21, "cepa-qemu-1.10.0.update"),
        folder("C", 22, "cepa-hardware-2.0.0.update"),
      ]),
      21: entry("SHA256~1", 30, 3, { long: "SHA256SUMS" }),
      30: Buffer.from("abc"),
    },
  );
  const source = await openStick(deviceOf(disk), "qemu");
  assert.deepEqual(await source.names(), ["SHA256SUMS"]);
  assert.equal(await source.withFile("SHA256SUMS", async (_, sizeBytes) => sizeBytes), 3);
  await assert.rejects(
    source.withFile("cepa.efi", async () => 0),
    { code: "missingFile" },
  );
  await assert.rejects(openStick(deviceOf(disk), "other"), { code: "missingFile" });
});

test("any octets: an end with an answer or a reason, in bounded time", async () => {
  const random = new SeededRandom(7);
  let refused = 0;
  for (let run = 0; run < 2000; run++) {
    const disk = Buffer.from(SCATTERED);
    for (let change = 0; change < 1 + (run % 6); change++) disk[random.below(DATA_AT * 1.5)] = random.below(256);
    try {
      await reading(disk);
    } catch (error) {
      refused++;
      const isOurs = (error as Error).name === "FatError" || error instanceof assert.AssertionError;
      assert.ok(isOurs || error instanceof UpdateRefusedError, String(error));
    }
  }
  assert.ok(refused > 100 && refused < 2000, String(refused));
});

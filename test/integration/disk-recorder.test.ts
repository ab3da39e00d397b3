import assert from "node:assert/strict";
import { mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { LoggedRequest } from "../support/block-log.ts";
import { type DiskRecording, recordDisk } from "../support/disk-recorder.ts";
import { type QemuClient, startQemuClient } from "../support/qemu-client.ts";
import { SeededRandom } from "../support/seeded-random.ts";

/** A disk that QEMU works with through the recorder, by commands of qemu-io. */
const MIB = 1024 * 1024;
const DISK_BYTES = 64 * MIB;
const TIMEOUT_MS = 120_000;
const RANDOM_REQUESTS = 256;
const PLAYGROUND_BYTES = 4 * MIB;

const folder = await mkdtemp(join(tmpdir(), "cepa-rec-"));
const stop = new AbortController();
after(async () => {
  stop.abort();
  await rm(folder, { recursive: true, force: true });
});
let recordings = 0;

interface Recorded {
  readonly disk: string;
  readonly recording: DiskRecording;
  readonly client: QemuClient;
}

async function record(): Promise<Recorded> {
  const own = join(folder, String(recordings++));
  const disk = `${own}.raw`;
  await writeFile(disk, Buffer.alloc(MIB, 1));
  await truncate(disk, DISK_BYTES);
  const recording = await recordDisk(disk, own);
  return { disk, recording, client: await startQemuClient(recording.socketPath, own, stop.signal) };
}

/** Without the flushes that cover nothing more, which QEMU makes when it ends. */
function withoutLastFlushes(entries: readonly LoggedRequest[]): readonly LoggedRequest[] {
  return entries.slice(0, entries.findLastIndex(({ kind }) => kind !== "flush") + 2);
}

test("what QEMU asks of a disk is done, and written down in its order; what can't be is an error there", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { disk, recording, client } = await record();
  const commands = [
    "write -P 7 0 4k",
    "flush",
    "write -f -P 9 4k 512",
    "write -z 512 512",
    "write -z -u 256k 512k",
    "discard 12k 1M",
    "flush",
    "write -P 5 20M 16M",
  ];
  for (const command of commands) assert.doesNotMatch(await client.io(command), /fail|error/i, command);
  assert.doesNotMatch(await client.io("read -P 7 1k 3k"), /fail/);
  assert.match(await client.io("read -P 8 1k 3k"), /Pattern verification failed/, "it does read");
  assert.match(await client.io(`write ${DISK_BYTES} 512`), /failed: Input\/output error/);
  await client.end();
  await recording.end();
  const range = (offsetBytes: number, sizeBytes: number, isForced = false) => ({ offsetBytes, sizeBytes, isForced });
  const expected: readonly LoggedRequest[] = [
    { kind: "write", ...range(0, 4096), dataAt: 0 },
    { kind: "flush", coveredRequests: 1 },
    { kind: "write", ...range(4096, 512, true), dataAt: 4096 },
    { kind: "zero", ...range(512, 512) },
    { kind: "zero", ...range(256 * 1024, 512 * 1024) },
    { kind: "trim", ...range(12 * 1024, MIB) },
    { kind: "flush", coveredRequests: 6 },
    { kind: "write", ...range(20 * MIB, 16 * MIB), dataAt: 4608 },
    { kind: "flush", coveredRequests: 8 },
  ];
  assert.deepEqual(withoutLastFlushes(recording.log.entries), expected);
  const octets = Buffer.alloc(DISK_BYTES).fill(1, 0, MIB).fill(7, 0, 4096).fill(9, 4096, 4608).fill(0, 512, 1024);
  octets.fill(0, 12 * 1024, 12 * 1024 + MIB).fill(5, 20 * MIB, 36 * MIB);
  assert.ok((await readFile(disk)).equals(octets), "the disk has it");
});

test("requests over one another, and many at a time: replayed they give the disk", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { disk, recording, client } = await record();
  const random = new SeededRandom(1);
  for (let made = 0; made < RANDOM_REQUESTS; made++) {
    const range = `${512 * random.below(PLAYGROUND_BYTES / 512)} ${512 * (1 + random.below(MIB / 512))}`;
    const [kind, pattern] = [random.below(8), random.below(256)];
    const command = kind === 0 ? "discard" : kind === 1 ? "write -z" : `write -P ${pattern}`;
    assert.doesNotMatch(await client.io(`${command} ${range}`), /fail|error/i);
  }
  const source = join(folder, "source");
  const octets = Buffer.alloc(DISK_BYTES);
  random.fill(octets.subarray(DISK_BYTES / 2, DISK_BYTES / 2 + 8 * MIB));
  await writeFile(source, octets);
  await client.copyFrom(source);
  await client.end();
  await recording.end();
  assert.ok((await readFile(disk)).equals(octets), "the disk has it");
  const changes = recording.log.entries.filter(({ kind }) => kind !== "flush");
  assert.ok(changes.length > RANDOM_REQUESTS, `${changes.length} requests were recorded`);
});

test("a disk that anything else wrote to is not what was recorded", { timeout: TIMEOUT_MS }, async () => {
  const { disk, recording, client } = await record();
  await client.io("write -P 7 0 4k");
  await client.end();
  const file = await open(disk, "r+");
  await file.write(Buffer.of(8), 0, 1, DISK_BYTES - 1);
  await file.close();
  await assert.rejects(recording.end(), /requests were recorded, and replayed they don't give the disk/);
});

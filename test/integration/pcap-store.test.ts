import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { FrameCursor } from "../../appliance/capture/frame-cursor.ts";
import { PcapRecordBuffer } from "../../appliance/capture/pcap-file.ts";
import { PcapStore, type PcapStoreOptions } from "../../appliance/capture/pcap-store.ts";
import { retrieveFrames, selectFrames } from "../../appliance/capture/retrieval.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";

const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const DAY_MS = 86_400_000;
const FRAME_BYTES = 100_000;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cepa-store-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const optionsOf = (given: Partial<PcapStoreOptions>): PcapStoreOptions => ({
  folder,
  fileSizeBytes: 250_000,
  budgetBytes: 10_000_000,
  ageMs: 30 * DAY_MS,
  ...given,
});

/** One record: a frame of 100,000 octets that are all `mark`. */
function recordOf(mark: number, timeMs: number): Uint8Array {
  const frame: FrameCursor = {
    bytes: new Uint8Array(FRAME_BYTES).fill(mark),
    offsetBytes: 0,
    capturedBytes: FRAME_BYTES,
    originalBytes: FRAME_BYTES,
    timeSeconds: Math.floor(timeMs / 1000),
    timeNanoseconds: (timeMs % 1000) * 1e6,
    next: () => false,
  };
  const buffer = new PcapRecordBuffer(FRAME_BYTES + 16);
  buffer.append(frame);
  return buffer.bytes.slice(0, buffer.lengthBytes);
}

function fill(store: PcapStore, marks: readonly number[], linkType = 1): void {
  for (const mark of marks) store.append(linkType, recordOf(mark, START_MS + mark * 1000), START_MS + mark * 1000);
}

async function marksRetrieved(range: { fromMs?: number; toMs?: number } = {}): Promise<number[]> {
  const chunks: Uint8Array[] = [];
  const retrieval = {
    folder,
    fromMs: 0,
    toMs: Number.MAX_SAFE_INTEGER,
    maxBytes: 1e9,
    selectorOf: () => selectFrames(() => true),
    ...range,
  };
  for await (const chunk of retrieveFrames(retrieval, AbortSignal.timeout(60_000))) chunks.push(chunk);
  return framesOfPcap(Buffer.concat(chunks)).map(({ bytes }) => {
    assert.ok(bytes.length === FRAME_BYTES && bytes.every((octet) => octet === bytes[0]));
    return bytes[0] ?? -1;
  });
}

const filesOf = () => readdirSync(folder).sort();
const clockAt = (nowMs: number) => ({ nowMs: () => nowMs });

test("a file is closed at its size; the next is named after its first frame", () => {
  const store = new PcapStore(optionsOf({}), clockAt(START_MS));
  fill(store, [0, 1, 2, 3]);
  store.close();
  assert.deepEqual(filesOf(), ["20260102T030405.000Z.pcap", "20260102T030408.000Z.pcap"]);
  assert.equal(store.sizeBytes(), 4 * (FRAME_BYTES + 16) + 2 * 24);
});

test("the budget holds at every moment, oldest first, over a restart too", async () => {
  const options = optionsOf({ budgetBytes: 1_200_000 });
  for (const marks of [
    [0, 1, 2, 3, 4, 5, 6, 7],
    [8, 9, 10, 11, 12, 13, 14],
  ]) {
    const store = new PcapStore(options, clockAt(START_MS));
    for (const mark of marks) {
      fill(store, [mark]);
      assert.ok(store.sizeBytes() <= options.budgetBytes, `${store.sizeBytes()} octets after frame ${mark}`);
    }
    store.close();
  }
  const marks = await marksRetrieved();
  assert.deepEqual(
    marks,
    Array.from({ length: marks.length }, (_, index) => 15 - marks.length + index),
  );
  assert.ok(marks.length >= 6, `${marks.length} frames are left`);
});

test("what is too old is deleted without new frames", () => {
  const store = new PcapStore(optionsOf({}), clockAt(START_MS));
  fill(store, [0, 1, 2, 3]);
  store.close();
  for (const name of filesOf()) utimesSync(join(folder, name), START_MS / 1000, START_MS / 1000);
  const later = new PcapStore(optionsOf({ ageMs: DAY_MS }), clockAt(START_MS + 2 * DAY_MS));
  assert.deepEqual([filesOf(), later.filesDeleted], [[], 2]);
});

test("files of others are left alone", () => {
  appendFileSync(join(folder, "notes.txt"), "x");
  new PcapStore(optionsOf({ budgetBytes: 1, ageMs: 0 }), clockAt(START_MS + 100 * DAY_MS)).close();
  assert.deepEqual(filesOf(), ["notes.txt"]);
});

test("each link type has files of its own; a restart in the same millisecond too", () => {
  for (let start = 0; start < 2; start++) {
    const store = new PcapStore(optionsOf({}), clockAt(START_MS));
    fill(store, [0]);
    fill(store, [0], 101);
    store.close();
  }
  assert.deepEqual(filesOf(), [
    "20260102T030405.000Z-lt101.pcap",
    "20260102T030405.000Z.pcap",
    "20260102T030405.001Z-lt101.pcap",
    "20260102T030405.001Z.pcap",
  ]);
});

for (const { name, cut } of [
  { name: "in a frame", cut: (sizeBytes: number) => sizeBytes - 1 },
  { name: "in a record's header", cut: (sizeBytes: number) => sizeBytes - FRAME_BYTES - 3 },
])
  test(`what a power cut left ${name} hides nothing else`, async () => {
    const first = new PcapStore(optionsOf({}), clockAt(START_MS));
    fill(first, [0, 1, 2, 3, 4]);
    first.close();
    const last = join(folder, filesOf().at(-1) ?? "");
    truncateSync(last, cut(readFileSync(last).length));
    const second = new PcapStore(optionsOf({}), clockAt(START_MS));
    fill(second, [5]);
    assert.deepEqual(await marksRetrieved(), [0, 1, 2, 3, 5]);
    second.close();
  });

test("a file of nothing, and one of zeros, are passed over", async () => {
  const store = new PcapStore(optionsOf({}), clockAt(START_MS));
  fill(store, [7]);
  appendFileSync(join(folder, "20260102T030400.000Z.pcap"), "");
  appendFileSync(join(folder, "20260102T030401.000Z.pcap"), new Uint8Array(5000));
  assert.deepEqual(await marksRetrieved(), [7]);
  store.close();
});

test("times choose frames, and files", async () => {
  const store = new PcapStore(optionsOf({}), clockAt(START_MS));
  fill(store, [0, 1, 2, 3, 4, 5, 6]);
  store.close();
  assert.deepEqual(await marksRetrieved({ fromMs: START_MS + 2000, toMs: START_MS + 4000 }), [2, 3, 4]);
  assert.deepEqual(await marksRetrieved({ fromMs: START_MS + 500, toMs: START_MS + 900 }), []);
});

test("on a full disk the oldest files make room; with none left the frames are counted as lost", () => {
  const source = join(import.meta.dirname, "../../appliance/capture/pcap-store.ts");
  const script = `
    import { PcapStore } from ${JSON.stringify(source)};
    const store = new PcapStore({ folder: process.argv[1], fileSizeBytes: 250000, budgetBytes: 1e9, ageMs: 1e12 }, { nowMs: () => 1e12 });
    let written = 0;
    for (let i = 0; i < 40; i++) if (store.append(1, new Uint8Array(100016), 1e12 + i)) written++;
    const tooMuch = store.append(1, new Uint8Array(3000000), 1e12 + 99);
    const after = store.append(1, new Uint8Array(100016), 1e12 + 100);
    console.log(JSON.stringify({ written, tooMuch, after, unwritten: store.unwrittenBytes, deletedSome: store.filesDeleted > 5 }));
  `;
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
  const node = ["--input-type=module-typescript", "-e", script, folder];
  const { stdout, stderr } = spawnSync(process.execPath, node, { encoding: "utf8", timeout: 60_000 });
  spawnSync("umount", [folder]);
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), {
    written: 40,
    tooMuch: false,
    after: true,
    unwritten: 3_000_000,
    deletedSome: true,
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defaultBudgetBytes,
  parseFileName,
  planFileSizeBytes,
  planRetention,
  renderFileName,
  type StoredFile,
} from "../../../../appliance/capture/retention.ts";

const GIB = 1024 ** 3;
const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 10, 24, 12);

function fileEndedAgo(hours: number, sizeBytes: number): StoredFile {
  const endMs = NOW_MS - hours * HOUR_MS;
  return { name: `${hours}`, sizeBytes, startMs: endMs - HOUR_MS, endMs };
}
const FILES = [fileEndedAgo(50, 100), fileEndedAgo(30, 100), fileEndedAgo(2, 100), fileEndedAgo(1, 100)];

for (const { name, budgetBytes, ageMs, incomingBytes, doomed } of [
  { name: "all fit", budgetBytes: 500, ageMs: 100 * HOUR_MS, incomingBytes: 100, doomed: [] },
  {
    name: "one octet over: the oldest goes",
    budgetBytes: 499,
    ageMs: 100 * HOUR_MS,
    incomingBytes: 100,
    doomed: ["50"],
  },
  { name: "too old, whatever fits", budgetBytes: 5000, ageMs: 24 * HOUR_MS, incomingBytes: 0, doomed: ["50", "30"] },
  { name: "exactly as old as allowed", budgetBytes: 5000, ageMs: 30 * HOUR_MS, incomingBytes: 0, doomed: ["50"] },
  {
    name: "no room at all",
    budgetBytes: 50,
    ageMs: 100 * HOUR_MS,
    incomingBytes: 100,
    doomed: ["50", "30", "2", "1"],
  },
])
  test(`planRetention: ${name}`, () => {
    const plan = planRetention(FILES, { budgetBytes, ageMs }, NOW_MS, incomingBytes);
    assert.deepEqual(
      plan.map((file) => file.name),
      doomed,
    );
  });

for (const { name, storeBytes, budgetBytes } of [
  { name: "1 TiB", storeBytes: 1024 * GIB, budgetBytes: Math.floor(920.6 * GIB) },
  { name: "2 GiB: half, as nine tenths less 1 GiB is less", storeBytes: 2 * GIB, budgetBytes: GIB },
  { name: "100 MiB", storeBytes: 100 * 2 ** 20, budgetBytes: 50 * 2 ** 20 },
])
  test(`defaultBudgetBytes: ${name}`, () => assert.equal(defaultBudgetBytes(storeBytes), budgetBytes));

test("planFileSizeBytes: a quarter of a small budget", () => {
  assert.deepEqual(
    [planFileSizeBytes(64, 10 * GIB), planFileSizeBytes(GIB, 10 * GIB), planFileSizeBytes(GIB, GIB)],
    [65536, GIB, GIB / 4],
  );
});

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
for (const { name, fileName, startMs } of [
  { name: "Ethernet", fileName: "20260102T030405.006Z.pcap", startMs: AT_MS },
  { name: "raw IP", fileName: "20260102T030405.006Z-lt101.pcap", startMs: AT_MS },
  { name: "another name", fileName: "20260102T030405.pcap", startMs: undefined },
  { name: "a temporary file", fileName: "20260102T030405.006Z.pcap.new", startMs: undefined },
  { name: "empty", fileName: "", startMs: undefined },
])
  test(`parseFileName: ${name}`, () => assert.equal(parseFileName(fileName), startMs));

test("renderFileName: is what parseFileName reads", () => {
  assert.deepEqual(
    [renderFileName(AT_MS, 1), renderFileName(AT_MS, 101)],
    ["20260102T030405.006Z.pcap", "20260102T030405.006Z-lt101.pcap"],
  );
});

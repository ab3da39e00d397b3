import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteQueue } from "../../../provider/link/byte-queue.ts";
import { eventWords, isTable, plainWords } from "../../../provider/link/sensor-words.ts";

test("ByteQueue: octets in order, full above its limit, told of room once it is read", async () => {
  let rooms = 0;
  const queue = new ByteQueue(5, () => rooms++);
  queue.push(Uint8Array.of(1, 2, 3));
  assert.equal(queue.isFull, false);
  queue.push(Uint8Array.of(4, 5, 6));
  assert.equal(queue.isFull, true);
  queue.end();
  queue.push(Uint8Array.of(9)); // after the end: dropped
  const read: number[] = [];
  for await (const chunk of queue.read()) read.push(...chunk);
  assert.deepEqual([read, rooms], [[1, 2, 3, 4, 5, 6], 1]);
});

test("ByteQueue: a reader waits for what comes, and gets the error after what came before it", async () => {
  const queue = new ByteQueue(5, () => {});
  const read: number[] = [];
  const reading = (async () => {
    for await (const chunk of queue.read()) read.push(...chunk);
  })();
  await new Promise(setImmediate);
  queue.push(Uint8Array.of(1));
  await new Promise(setImmediate);
  assert.deepEqual(read, [1]);
  queue.push(Uint8Array.of(2));
  queue.end(new Error("the link went down"));
  await assert.rejects(reading, /the link went down/);
  assert.deepEqual(read, [1, 2]);
});

test("eventWords: words that no sensor can turn into commands to a terminal", () => {
  const uuid = "0b9a7a3c-8f3a-4c1e-9d51-2f1f5f6b7c8d";
  const cases = [
    [{ name: "storeFormatted", atMs: 1, luksUuid: uuid }, `/nsm formatted, LUKS UUID ${uuid}`],
    [{ name: "storeOpened", atMs: 1, luksUuid: "\u001b[2J" }, "/nsm opened, with no UUID"],
    [{ name: "emergencySent", atMs: 1, bootCounter: 3, sequence: 4 }, "emergency message 3/4 sent"],
    [{ name: "emergencySent", atMs: 1, bootCounter: "\u001b", sequence: {} }, "emergency message NaN/NaN sent"],
    [
      { name: "wipe", atMs: 1, cause: "button", stage: "storeErased" },
      "WIPE by the box's button: the store's keys are erased, the box's own follow",
    ],
    [{ name: "wipe", atMs: 1, cause: "toString", stage: "begun" }, "wipe, of no known form"],
    [
      { name: "updateWithdrawn", atMs: 1, version: "2.0\u001b" },
      "update 2.0? was withdrawn: the box has thrown it away",
    ],
    [{ name: "commandRefused", atMs: 1, why: "\u001b" }, "a command is refused: ?"],
    [{ name: "later\u001b[2Jversion" }, "event later?[2Jversion"],
  ] as const;
  for (const [event, words] of cases) assert.equal(eventWords(event as never), words);
  assert.equal(plainWords("é\u009b1m long", 5), "??1m ");
});

test("isTable: columns of text, rows as wide as they", () => {
  const good = {
    columns: ["a", "b"],
    rows: [
      ["x", 1],
      [null, 2.5],
    ],
    cut: false,
  };
  assert.equal(isTable(good), true);
  assert.equal(isTable({ ...good, rows: [] }), true);
  for (const change of [
    { columns: "ab" },
    { columns: [1, 2] },
    { rows: {} },
    { rows: [["x"]] },
    { rows: ["xy"] },
    { rows: [["x", {}]] },
    { columns: Array(2001).fill("c"), rows: [] },
  ])
    assert.equal(isTable({ ...good, ...change }), false, JSON.stringify(change).slice(0, 60));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteQueue } from "../../../provider/link/byte-queue.ts";

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

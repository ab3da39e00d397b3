import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NOWHERE, SamplePool, SLOT_BYTES } from "../../../../appliance/session/sample-pool.ts";

const GRAIN_BYTES = 128;

test("SamplePool: rooms are large enough, never overlap, and all of it can be had again", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: SLOT_BYTES }), fc.nat(1000)), { maxLength: 300 });
  fc.assert(
    fc.property(steps, (list) => {
      const slots = 20;
      const pool = new SamplePool(slots);
      const rooms: number[] = [];
      for (const [wanted, number] of list) {
        if (number % 3 === 0) {
          const [room] = rooms.splice(number % Math.max(1, rooms.length), 1);
          if (room !== undefined) pool.give(room);
          continue;
        }
        const room = pool.take(wanted);
        if (room === NOWHERE) continue;
        assert.ok(pool.roomBytes(room) >= wanted && room % pool.roomBytes(room) === 0);
        rooms.push(room);
      }
      const owned = new Set<number>();
      for (const room of rooms)
        for (let at = room; at < room + pool.roomBytes(room); at += GRAIN_BYTES) {
          assert.ok(at >= SLOT_BYTES && at < (slots + 1) * SLOT_BYTES && !owned.has(at));
          owned.add(at);
        }
      assert.equal(pool.inUseBytes, owned.size * GRAIN_BYTES);
      for (const room of rooms) pool.give(room);
      assert.equal(pool.inUseBytes, 0);
      for (let i = 0; i < slots; i++) assert.notEqual(pool.take(SLOT_BYTES), NOWHERE);
      assert.deepEqual([pool.take(SLOT_BYTES), pool.take(1)], [NOWHERE, NOWHERE]);
    }),
    { numRuns: 200, seed: 1 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HalfSipHash } from "../../../../appliance/decode/half-siphash.ts";
import { KEY_WORDS } from "../../../../appliance/session/five-tuple.ts";
import { NO_ROW, SessionTable } from "../../../../appliance/session/session-table.ts";
import { TimerWheel } from "../../../../appliance/session/timer-wheel.ts";

const SEED = Uint8Array.from({ length: 16 }, (_, i) => i);

function keyOf(number: number): Int32Array {
  const key = new Int32Array(KEY_WORDS);
  key[8] = number;
  return key;
}

test("SessionTable: finds what was added and not removed, as a Map does", () => {
  const operations = fc.array(fc.tuple(fc.boolean(), fc.nat(400)), { maxLength: 2000 });
  fc.assert(
    fc.property(operations, (list) => {
      const table = new SessionTable(300, SEED);
      const map = new Map<number, number>();
      for (const [add, number] of list) {
        const key = keyOf(number);
        const hash = table.hashOf(key);
        const row = table.find(key, hash);
        assert.equal(row, map.get(number) ?? NO_ROW);
        if (add && row === NO_ROW && !table.full()) map.set(number, table.add(key, hash));
        else if (!add && row !== NO_ROW) {
          table.remove(row);
          map.delete(number);
        }
        assert.equal(table.size, map.size);
      }
      assert.equal(new Set(map.values()).size, map.size);
      for (const [number, row] of map) assert.equal(table.find(keyOf(number), table.hashOf(keyOf(number))), row);
    }),
    { numRuns: 50, seed: 1 },
  );
});

test("HalfSipHash: depends on the key and on every bit, and spreads", () => {
  const words = new Int32Array(KEY_WORDS);
  const one = new HalfSipHash(SEED);
  const other = new HalfSipHash(SEED.slice().reverse());
  const hash = one.hash(words, 0, KEY_WORDS);
  assert.notEqual(hash, other.hash(words, 0, KEY_WORDS));
  const hashes = new Set<number>([hash]);
  for (let bit = 0; bit < KEY_WORDS * 32; bit++) {
    words[bit >> 5] = 1 << (bit & 31);
    hashes.add(one.hash(words, 0, KEY_WORDS));
    words[bit >> 5] = 0;
  }
  assert.equal(hashes.size, KEY_WORDS * 32 + 1);
  const buckets = new Uint32Array(256);
  for (let i = 0; i < 65_536; i++) {
    words[8] = i;
    const bucket = one.hash(words, 0, KEY_WORDS) & 255;
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  const squares = buckets.reduce((sum, count) => sum + (count - 256) ** 2 / 256, 0);
  assert.ok(squares > 150 && squares < 370, `${squares}`); // chi-square of 255 degrees of freedom
});

test("TimerWheel: each row is looked at in its second, however far time steps", () => {
  const step = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20_000 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 10_000 }), step), { maxLength: 100 }), (list) => {
      const wheel = new TimerWheel(1000);
      const due = new Map<number, number>();
      wheel.advance(1_000_000, () => assert.fail("empty"));
      list.forEach(([inSeconds, seconds], i) => {
        const row = i + 1;
        due.set(row, wheel.nowSecond + inSeconds);
        wheel.put(row, wheel.nowSecond + inSeconds);
        wheel.advance(wheel.nowSecond + seconds, (looked) => {
          const at = due.get(looked) ?? Number.NaN;
          if (at > wheel.nowSecond) wheel.put(looked, at);
          else due.delete(looked);
        });
        for (const at of due.values()) assert.ok(at > wheel.nowSecond);
      });
      for (let row = wheel.first(); row !== 0; row = wheel.first()) {
        wheel.take(row);
        assert.ok(due.delete(row));
      }
      assert.equal(due.size, 0);
    }),
    { numRuns: 200, seed: 1 },
  );
});

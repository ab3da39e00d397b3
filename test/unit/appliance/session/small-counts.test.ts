import assert from "node:assert/strict";
import { test } from "node:test";
import { countBytes } from "../../../../appliance/entropy/histogram.ts";
import { NOWHERE, SamplePool, SLOT_BYTES } from "../../../../appliance/session/sample-pool.ts";
import { SmallCounts } from "../../../../appliance/session/small-counts.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

/** Octets of which `share` of 256 are one value, the rest random. */
function octetsOf(random: SeededRandom, length: number, share: number): Uint8Array {
  const octets = new Uint8Array(length);
  random.fill(octets);
  for (let i = 0; i < length; i++) if (random.below(256) < share) octets[i] = 0x20;
  return octets;
}

test("SmallCounts: the same as counts of 16 bits, however uneven, and all room is given back", () => {
  const random = new SeededRandom(1);
  for (const [length, share] of [
    [0, 0],
    [3, 0],
    [255, 256],
    [256, 256],
    [6144, 0],
    [6144, 100],
    [65_535, 0],
    [65_535, 256],
  ] as const) {
    const pool = new SamplePool(4);
    const counts = new SmallCounts(pool);
    const octets = octetsOf(random, length, share);
    const room = counts.begin();
    for (let from = 0; from < length; ) {
      const to = Math.min(length, from + 1 + random.below(1500));
      assert.ok(counts.count(room, octets, from, to));
      from = to;
    }
    const expected = new Uint16Array(256);
    countBytes(expected, 0, octets, 0, length);
    const sum = new Uint16Array(256);
    counts.addTo(sum, room);
    assert.deepEqual(sum, expected, `${length} octets, ${share}`);
    counts.clear(room);
    const none = new Uint16Array(256);
    counts.addTo(none, room);
    assert.deepEqual(none, new Uint16Array(256));
    counts.give(room);
    assert.equal(pool.inUseBytes, 0);
  }
});

test("SmallCounts: no room for a carry: it says so", () => {
  const pool = new SamplePool(1);
  const counts = new SmallCounts(pool);
  const rooms = [counts.begin(), counts.begin()] as const;
  assert.equal(counts.begin(), NOWHERE);
  const octets = new Uint8Array(SLOT_BYTES);
  assert.ok(counts.count(rooms[0], octets, 0, 255));
  assert.equal(counts.count(rooms[0], octets, 255, 256), false);
  counts.give(rooms[1]);
  assert.ok(counts.count(rooms[0], octets, 0, 256));
});

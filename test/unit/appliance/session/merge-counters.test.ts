import assert from "node:assert/strict";
import { test } from "node:test";
import { zeroCounters } from "../../../../appliance/session/engine-counters.ts";
import { mergeCounters } from "../../../../appliance/session/merge-counters.ts";

test("mergeCounters: what all see alike counts once, the rest adds up", () => {
  const one = { ...zeroCounters(), frames: 10, bytes: 1000, notIp: 2, sessions: 3, gapBytes: 7 };
  const other = { ...zeroCounters(), frames: 9, bytes: 1010, notIp: 2, sessions: 4, alarms: 1 };
  const merged = { ...zeroCounters(), frames: 10, bytes: 1010, notIp: 2, sessions: 7, gapBytes: 7, alarms: 1 };
  assert.deepEqual(mergeCounters([one, other]), merged);
  assert.deepEqual(mergeCounters([one]), one);
});

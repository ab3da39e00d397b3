import assert from "node:assert/strict";
import { test } from "node:test";
import {
  acknowledgeEvent,
  addEvent,
  emptySpool,
  parseSpool,
  renderSpool,
  SPOOL_EVENTS_MAX,
} from "../../../../appliance/link/spool.ts";
import type { SensorEvent } from "../../../../core/contract/role.ts";

const NOW_MS = 1_790_000_000_500;
const event = (sequence: number): SensorEvent => ({ name: "emergencySent", atMs: NOW_MS, bootCounter: 1, sequence });

test("ids count up from the second at which the spool was made, over acknowledgements and restarts", () => {
  let spool = addEvent(addEvent(emptySpool(NOW_MS), event(1)), event(2));
  assert.deepEqual(
    spool.events.map((one) => one.id),
    [1_790_000_000, 1_790_000_001],
  );
  spool = acknowledgeEvent(acknowledgeEvent(spool, 1_790_000_000), 1_790_000_001);
  assert.deepEqual(spool, { nextId: 1_790_000_002, events: [], dropped: 0 });
  assert.equal(acknowledgeEvent(spool, 7), spool);
  assert.deepEqual(parseSpool(renderSpool(spool), 0), spool);
});

test("a full spool drops its oldest and counts them", () => {
  let spool = emptySpool(0);
  for (let sequence = 0; sequence < SPOOL_EVENTS_MAX + 2; sequence++) spool = addEvent(spool, event(sequence));
  assert.deepEqual([spool.events.length, spool.dropped, spool.events[0]?.id], [SPOOL_EVENTS_MAX, 2, 3]);
  assert.deepEqual(parseSpool(renderSpool(spool), 0), spool);
});

const WHOLE = renderSpool(addEvent(addEvent(emptySpool(0), event(1)), event(2)));
for (const { name, text, expected } of [
  { name: "empty", text: "", expected: emptySpool(NOW_MS) },
  {
    name: "torn last line",
    text: WHOLE.slice(0, -20),
    expected: { nextId: 3, events: [{ id: 1, event: event(1) }], dropped: 0 },
  },
  {
    name: "first line lost",
    text: `#\n${WHOLE.split("\n").slice(1).join("\n")}`,
    expected: {
      nextId: 1_790_000_000,
      events: [
        { id: 1, event: event(1) },
        { id: 2, event: event(2) },
      ],
      dropped: 0,
    },
  },
  { name: "foreign", text: '{"nextId":-1}\n{"id":1}\n[]\n7\n', expected: emptySpool(NOW_MS) },
  { name: "over-long line", text: "x".repeat(20_000), expected: emptySpool(NOW_MS) },
])
  test(`parseSpool: ${name}`, () => assert.deepEqual(parseSpool(text, NOW_MS), expected));

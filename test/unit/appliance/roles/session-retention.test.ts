import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isDayFull,
  planSessionsBudgetBytes,
  planSessionsUntil,
} from "../../../../appliance/roles/session-retention.ts";

const GIB = 1024 ** 3;
const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 0, 10, 12);
const DAYS = ["2026-01-07", "2026-01-08", "2026-01-09", "2026-01-10"].map((day) => ({ day, sizeBytes: 100 }));

for (const { name, budgetBytes, ageDays, until } of [
  { name: "all fit and none is old", budgetBytes: 400, ageDays: 30, until: "2025-12-11T12:00:00.000Z" },
  { name: "one octet too many: the oldest day", budgetBytes: 399, ageDays: 30, until: "2026-01-08T00:00:00.000Z" },
  { name: "the newest day stays", budgetBytes: 1, ageDays: 30, until: "2026-01-10T00:00:00.000Z" },
  { name: "by age, to the moment", budgetBytes: 400, ageDays: 2, until: "2026-01-08T12:00:00.000Z" },
  { name: "what age deletes counts for the budget", budgetBytes: 300, ageDays: 2, until: "2026-01-08T12:00:00.000Z" },
])
  test(`planSessionsUntil: ${name}`, () => {
    const untilSeconds = planSessionsUntil(DAYS, budgetBytes, ageDays * DAY_MS, NOW_MS);
    assert.equal(new Date(untilSeconds * 1000).toISOString(), until);
  });

test("planSessionsUntil: no days", () => {
  assert.equal(planSessionsUntil([], 0, DAY_MS, NOW_MS), (NOW_MS - DAY_MS) / 1000);
});

test("planSessionsBudgetBytes: nine tenths of what is left, a twentieth at least", () => {
  assert.deepEqual(
    [planSessionsBudgetBytes(100 * GIB, 89 * GIB), planSessionsBudgetBytes(100 * GIB, 100 * GIB)],
    [Math.floor(9.9 * GIB), 5 * GIB],
  );
});

test("isDayFull: at half of the budget, whatever the other days have", () => {
  assert.equal(isDayFull(DAYS, "2026-01-10", 201), false);
  assert.equal(isDayFull(DAYS, "2026-01-10", 200), true);
  assert.equal(isDayFull(DAYS, "2026-01-11", 1), false, "a new day has room again");
});

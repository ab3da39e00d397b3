import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoreHeader } from "../../../../appliance/vault/luks-header.ts";
import { type FormatRecord, judgeHeader, planStore } from "../../../../appliance/vault/plan.ts";

const HEADERS: Record<"luks2" | "none" | "damaged", StoreHeader> = {
  luks2: { state: "luks2", uuid: "u", wholeCopies: 2 },
  none: { state: "none", blank: true },
  damaged: { state: "damaged", detail: "x" },
};
const begun: FormatRecord = { state: "formatting" };
const done: FormatRecord = { state: "formatted", luksUuid: "u" };

for (const { header, record, format, action } of [
  { header: "luks2", record: undefined, format: false, action: "open" },
  { header: "luks2", record: undefined, format: true, action: "finishFormat" },
  { header: "luks2", record: begun, format: false, action: "finishFormat" },
  { header: "luks2", record: done, format: false, action: "open" },
  { header: "none", record: undefined, format: true, action: "format" },
  { header: "none", record: undefined, format: false, action: "leave" },
  { header: "none", record: begun, format: false, action: "leave" },
  { header: "damaged", record: undefined, format: true, action: "leave" },
  { header: "damaged", record: undefined, format: false, action: "leave" },
  { header: "damaged", record: done, format: true, action: "leave" },
  { header: "damaged", record: begun, format: false, action: "leave" },
  { header: "damaged", record: begun, format: true, action: "format" },
] as const)
  test(`planStore: ${header}, ${record?.state ?? "no record"}, base says ${format ? "format" : "open"}`, () =>
    assert.equal(planStore(HEADERS[header], record, format).action, action));

test("judgeHeader: a damaged header asks for no key, unless our own format was cut off", () => {
  assert.deepEqual(judgeHeader(HEADERS.luks2, undefined), { ask: true, luksUuid: "u" });
  assert.deepEqual(judgeHeader(HEADERS.none, undefined), { ask: true, luksUuid: null });
  assert.deepEqual(judgeHeader(HEADERS.damaged, begun), { ask: true, luksUuid: null });
  for (const record of [undefined, done])
    assert.deepEqual(judgeHeader(HEADERS.damaged, record), {
      ask: false,
      detail: "the store's header is damaged, nothing is written to it: x",
    });
});

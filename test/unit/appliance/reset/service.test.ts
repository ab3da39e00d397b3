import assert from "node:assert/strict";
import { test } from "node:test";
import type { PendingReset } from "../../../../appliance/reset/reset-files.ts";
import { findReset, type ResetPorts, runReset, TELL_LIMIT_MS } from "../../../../appliance/reset/service.ts";
import type { LinkStatus, SensorEvent } from "../../../../core/contract/role.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

class PowerCut extends Error {}

/** A box that only remembers; its power is cut before the action number `cutAt`. */
class FakeBox implements ResetPorts {
  readonly clock = new FakeClock();
  readonly done: string[] = [];
  readonly events: SensorEvent[] = [];
  pending: PendingReset | undefined;
  identity = true;
  spooled = 0;
  linkTakes = true;
  cutAt = Number.POSITIVE_INFINITY;
  readonly log = () => {};

  #act(what: string): void {
    if (--this.cutAt < 0) throw new PowerCut();
    this.done.push(what);
  }
  async savePending(pending: PendingReset) {
    this.#act(`save ${pending.stage}`);
    this.pending = pending;
  }
  async removePending() {
    this.#act("end");
    this.pending = undefined;
  }
  async tell(event: SensorEvent) {
    if (!this.linkTakes) throw new Error("no link");
    this.events.push(event);
  }
  askLink = async () => ({ spooled: this.spooled }) as LinkStatus;
  hasIdentity = async () => this.identity;
  async eraseStore() {
    this.#act("erase");
  }
  async removeSettings(network: boolean) {
    this.#act(network ? "settings and network" : "settings");
  }
  async stopRoles() {
    this.#act("stop");
  }
  async shredState() {
    this.#act("shred");
    this.identity = false;
  }
}

const signal = new AbortController().signal;
const WIPE: PendingReset = { what: "everything", cause: "order", stage: "begun" };
const SETTINGS: PendingReset = { what: "settings", cause: "order", stage: "begun" };
const WHOLE = ["save begun", "erase", "save storeErased", "stop", "shred", "end"];

test("everything: noted first, the store before the identity, base told in between, the note gone last", async () => {
  const box = new FakeBox();
  await runReset(WIPE, box, signal);
  assert.deepEqual(box.done, WHOLE);
  const about = { name: "wipe", atMs: box.clock.nowMs(), cause: "order" };
  assert.deepEqual(box.events, [
    { ...about, stage: "begun" },
    { ...about, stage: "storeErased" },
  ]);
});

for (let cutAt = 1; cutAt < WHOLE.length; cutAt++)
  test(`a power cut before "${WHOLE[cutAt]}": it goes on, and ends as whole`, async () => {
    const box = new FakeBox();
    box.cutAt = cutAt;
    await assert.rejects(runReset(WIPE, box, signal), PowerCut);
    assert.deepEqual(box.done, WHOLE.slice(0, cutAt));
    box.cutAt = Number.POSITIVE_INFINITY;
    assert.ok(box.pending);
    const from = box.pending.stage === "begun" ? 1 : 3;
    await runReset(box.pending, box, signal);
    assert.deepEqual(box.done.slice(cutAt), [`save ${box.done[cutAt]?.slice(5)}`, ...WHOLE.slice(from)]);
    assert.equal(box.pending, undefined);
    assert.equal(box.identity, false);
  });

for (const { name, change } of [
  { name: "link does not run", change: { linkTakes: false } },
  { name: "base does not acknowledge", change: { spooled: 1 } },
])
  test(`${name}: the box waits for a while, then erases itself all the same`, async () => {
    const box = new FakeBox();
    Object.assign(box, change);
    const running = runReset(WIPE, box, signal);
    await box.clock.advance(TELL_LIMIT_MS - 1000);
    assert.ok(!box.done.includes("shred"));
    await box.clock.advance(2000);
    await running;
    assert.deepEqual(box.done, WHOLE);
  });

for (const { cause, expected } of [
  { cause: "order", expected: "settings" },
  { cause: "hand", expected: "settings and network" },
] as const)
  test(`settings, by ${cause}: ${expected}`, async () => {
    const box = new FakeBox();
    await runReset({ what: "settings", cause, stage: "begun" }, box, signal);
    assert.deepEqual(box.done, ["save begun", expected, "end"]);
    assert.deepEqual(box.events, [{ name: "settingsReset", atMs: box.clock.nowMs(), cause }]);
  });

for (const { name, begun, asked, expected } of [
  { name: "nothing", begun: undefined, asked: undefined, expected: undefined },
  { name: "a wipe while settings can't be put back", begun: SETTINGS, asked: WIPE, expected: WIPE },
  { name: "settings that were begun", begun: SETTINGS, asked: undefined, expected: SETTINGS },
  { name: "a wipe that was begun, whatever is asked", begun: WIPE, asked: SETTINGS, expected: WIPE },
])
  test(`findReset: ${name}`, async () => {
    assert.deepEqual(await findReset(begun, async () => asked), expected);
  });

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { failWhenSilent } from "../../../appliance/silent-thread.ts";
import { FakeClock } from "../../support/fake-clock.ts";

type Thread = Parameters<typeof failWhenSilent>[0];

/** A thread, and what became of watching it. */
function watched(signal: AbortSignal): { clock: FakeClock; thread: EventEmitter; fate: () => Error | undefined } {
  const clock = new FakeClock();
  const thread = new EventEmitter();
  let error: Error | undefined;
  failWhenSilent(thread as unknown as Thread, "capture-writer", clock, signal).catch((reason: Error) => {
    error = reason;
  });
  return { clock, thread, fate: () => error };
}

test("a thread that reports each minute is left alone", async () => {
  const { clock, thread, fate } = watched(new AbortController().signal);
  for (let minute = 0; minute < 10; minute++) {
    await clock.advance(60_000);
    thread.emit("message", {});
  }
  assert.equal(fate(), undefined);
});

test("one that has said nothing for two minutes, from the start or since, has failed", async () => {
  const { clock, thread, fate } = watched(new AbortController().signal);
  await clock.advance(100_000);
  thread.emit("message", {});
  await clock.advance(120_000);
  assert.equal(fate(), undefined);
  await clock.advance(10_000);
  assert.equal(fate()?.message, "the thread capture-writer has said nothing for 120 s");
  assert.equal(thread.listenerCount("message"), 0);
});

test("it is no longer watched once the role stops", async () => {
  const stop = new AbortController();
  const { clock, thread, fate } = watched(stop.signal);
  stop.abort();
  await clock.advance(1_000_000);
  assert.equal(fate()?.name, "AbortError");
  assert.equal(thread.listenerCount("message"), 0);
});

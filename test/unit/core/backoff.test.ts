import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../../../core/backoff.ts";
import { runTogether } from "../../../core/run-together.ts";

test("backoffMs doubles up to its most, and spreads over its upper half", () => {
  const backoff = { firstMs: 1000, mostMs: 10_000 };
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 1e9].map((failures) => backoffMs(backoff, failures, 0)),
    [500, 500, 1000, 2000, 4000, 5000, 5000, 5000],
  );
  assert.equal(backoffMs(backoff, 1, 0.5), 750);
  assert.equal(backoffMs(backoff, 9, 0.99999), 10_000);
});

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));

test("runTogether: the first failure stops the rest and is thrown when they have ended", async () => {
  const failure = new Error("first");
  let ended = false;
  await assert.rejects(
    runTogether(new AbortController().signal, [
      async (signal) => {
        await untilAborted(signal).catch(() => {});
        ended = true;
      },
      async () => {},
      async () => {
        throw failure;
      },
    ]),
    failure,
  );
  assert.ok(ended);
});

test("runTogether: an abort from outside is an AbortError, and jobs that all return are a normal end", async () => {
  const stop = new AbortController();
  const running = runTogether(stop.signal, [untilAborted, untilAborted]);
  stop.abort();
  await assert.rejects(running, { name: "AbortError" });
  await runTogether(new AbortController().signal, [async () => {}, async () => {}]);
});

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { mock, test } from "node:test";
import { runUntilStopped } from "../../../appliance/worker.ts";

/** Does nothing by itself. */
class Thread extends EventEmitter {
  readonly done: string[] = [];
  postMessage(message: unknown) {
    this.done.push(String(message));
  }
  async terminate() {
    this.done.push("terminate");
    return 1;
  }
  unref() {
    this.done.push("unref");
  }
}

test("a thread that is told to stop and does not is ended; one that does not end either is given up", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const thread = new Thread();
    const stop = new AbortController();
    const ended = assert.rejects(runUntilStopped(thread as never, stop.signal), { message: "a thread does not end" });
    stop.abort();
    assert.deepEqual(thread.done, ["stop"]);
    mock.timers.tick(10_000);
    assert.deepEqual(thread.done, ["stop", "terminate"]);
    mock.timers.tick(10_000);
    await ended;
    assert.deepEqual(thread.done, ["stop", "terminate", "unref"]);
  } finally {
    mock.timers.reset();
  }
});

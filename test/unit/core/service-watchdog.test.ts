import assert from "node:assert/strict";
import { test } from "node:test";
import { findWatchdog } from "../../../core/node/service-watchdog.ts";

const WATCHED = {
  ...{ LISTEN_PID: "12", LISTEN_FDS: "2", LISTEN_FDNAMES: "tty1:watchdog" },
  ...{ WATCHDOG_PID: "12", WATCHDOG_USEC: "120000000" },
};

test("a service that systemd watches tells it four times in each time-out, by the file of that name", () => {
  assert.deepEqual(findWatchdog(WATCHED, 12), { file: 4, everyMs: 30_000 });
});

test("no other process is watched, nor one without the file or without a time-out", () => {
  assert.equal(findWatchdog(WATCHED, 13), undefined);
  assert.equal(findWatchdog({ ...WATCHED, WATCHDOG_PID: "13" }, 12), undefined);
  assert.equal(findWatchdog({ ...WATCHED, LISTEN_FDNAMES: "tty1:other" }, 12), undefined);
  for (const usec of ["0", "-1", "x", ""])
    assert.equal(findWatchdog({ ...WATCHED, WATCHDOG_USEC: usec }, 12), undefined);
  assert.equal(findWatchdog({}, 12), undefined);
});

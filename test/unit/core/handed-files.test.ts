import assert from "node:assert/strict";
import { test } from "node:test";
import { handedFiles } from "../../../core/node/handed-files.ts";

test("files that systemd handed over, sd_listen_fds(3): from 3 on, for the process that is named", () => {
  assert.deepEqual(handedFiles({ LISTEN_PID: "12", LISTEN_FDS: "2" }, 12), [3, 4]);
  assert.deepEqual(handedFiles({ LISTEN_PID: "12", LISTEN_FDS: "0" }, 12), []);
});

test("none for another process, without the variables, or with what is no number of files", () => {
  assert.deepEqual(handedFiles({ LISTEN_PID: "11", LISTEN_FDS: "2" }, 12), []);
  assert.deepEqual(handedFiles({}, 12), []);
  for (const count of ["-1", "1.5", "x", "17", "1e9"])
    assert.deepEqual(handedFiles({ LISTEN_PID: "12", LISTEN_FDS: count }, 12), [], count);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { handedFiles } from "../../../core/node/handed-files.ts";

const environment = (pid: string, count: string, names?: string) => ({
  ...{ LISTEN_PID: pid, LISTEN_FDS: count },
  ...(names !== undefined && { LISTEN_FDNAMES: names }),
});

test("files that systemd handed over, sd_listen_fds(3): from 3 on, by name, for the process that is named", () => {
  assert.deepEqual(
    [...handedFiles(environment("12", "2", "tty1:ttyS0"), 12)],
    [
      ["tty1", 3],
      ["ttyS0", 4],
    ],
  );
  assert.deepEqual([...handedFiles(environment("12", "0"), 12)], []);
});

test("a file without a name is not lost", () => {
  assert.deepEqual([...handedFiles(environment("12", "2", "tty1"), 12).values()], [3, 4]);
});

test("none for another process, without the variables, or with what is no number of files", () => {
  assert.equal(handedFiles(environment("11", "2", "a:b"), 12).size, 0);
  assert.equal(handedFiles({}, 12).size, 0);
  for (const count of ["-1", "1.5", "x", "17", "1e9"])
    assert.equal(handedFiles(environment("12", count), 12).size, 0, count);
});

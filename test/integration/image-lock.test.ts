import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeClock } from "../../core/node/clock.ts";
import { withBuildLock } from "../../image/build-lock.ts";

const signal = AbortSignal.timeout(60_000);

test("withBuildLock: one build after the other; one that was killed keeps nobody out", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cepa-lock-"));
  const lock = join(folder, "cache", "lock");
  const order: string[] = [];
  const waited: number[] = [];
  const build = (name: string) =>
    withBuildLock(
      lock,
      nodeClock,
      (processId) => waited.push(processId),
      signal,
      async () => {
        order.push(`${name} begins`);
        await nodeClock.sleep(50, signal);
        order.push(`${name} ends`);
      },
    );
  try {
    await Promise.all([build("first"), build("second")]);
    assert.deepEqual(
      order.map((text) => text.split(" ")[1]),
      ["begins", "ends", "begins", "ends"],
    );
    assert.deepEqual(waited, [process.pid]);

    const killed = spawn("sleep", ["100"]);
    await writeFile(lock, String(killed.pid));
    killed.kill("SIGKILL");
    await once(killed, "exit");
    await build("third");
    assert.deepEqual(order.slice(4), ["third begins", "third ends"]);
    await assert.rejects(access(lock));
    await assert.rejects(
      withBuildLock(
        lock,
        nodeClock,
        () => {},
        signal,
        () => Promise.reject(new Error("failed")),
      ),
    );
    await assert.rejects(access(lock));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { askRole, openRole, runRoleSocket } from "../../../core/node/role-socket.ts";

test("a role answers, streams a body, and turns an exception into an error answer", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cepa-role-"));
  const path = join(folder, "capture.sock");
  const stop = new AbortController();
  const body = Buffer.alloc(300_000, 7);
  const server = runRoleSocket(
    path,
    async (request) => {
      if (request.type === "pcap")
        return {
          answer: { type: "pcap" },
          body: (async function* () {
            yield body.subarray(0, 100_000);
            yield body.subarray(100_000);
          })(),
        };
      if (request.type === "query") throw new Error("no such table: nothing");
      return { type: "ok" };
    },
    stop.signal,
  ).catch((error: unknown) => error);
  try {
    const signal = AbortSignal.timeout(10_000);
    await new Promise((resolve) => setImmediate(resolve));
    while (!(await askRole(path, { type: "status" }, signal).catch(() => undefined)));
    assert.deepEqual(await askRole(path, { type: "status" }, signal), { type: "ok" });
    assert.deepEqual(await askRole(path, { type: "query", sql: "x", maxRows: 1, timeoutMs: 1 }, signal), {
      type: "error",
      message: "no such table: nothing",
    });
    const opened = await openRole(path, { type: "pcap", maxBytes: 1 }, signal);
    assert.deepEqual(opened.answer, { type: "pcap" });
    const chunks: Buffer[] = [];
    for await (const chunk of opened.body) chunks.push(chunk as Buffer);
    assert.ok(Buffer.concat(chunks).equals(body));
  } finally {
    stop.abort();
    await server;
    await rm(folder, { recursive: true });
  }
});

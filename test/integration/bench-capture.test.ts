import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";
import { SENSOR } from "../support/read-captures.ts";

const GENERATOR = join(import.meta.dirname, "../../scripts/bench-capture.ts");
let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-bench-capture-"));
});
after(() => rm(folder, { recursive: true }));

async function make(name: string): Promise<string> {
  const path = join(folder, name);
  const args = [GENERATOR, path, "--size", "3", "--sessions", "300"];
  await nodeExec(process.execPath, args, AbortSignal.timeout(60_000));
  return path;
}

test("the capture of the benchmark is read as it was made, to the last request and handshake, and is made alike twice", async () => {
  const path = await make("one.pcap");
  const { counts } = JSON.parse(await readFile(`${path}.json`, "utf8")) as { counts: Record<string, number> };
  const { stdout } = await nodeExec(SENSOR, ["read", "--json", path], AbortSignal.timeout(60_000));
  const stats = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, number>;
  const { frames, sessions, httpRequests, handshakes, malformed, truncated, gapBytes, alarms } = stats;
  assert.ok((counts.httpRequests ?? 0) > 50);
  assert.deepEqual(
    { frames, sessions, httpRequests, handshakes, malformed, truncated, gapBytes, alarms },
    {
      frames: counts.frames,
      sessions: counts.sessions,
      httpRequests: counts.httpRequests,
      handshakes: counts.tlsHandshakes,
      malformed: 0,
      truncated: 0,
      gapBytes: 0,
      alarms: 0,
    },
  );
  assert.deepEqual(await readFile(await make("two.pcap")), await readFile(path));
});

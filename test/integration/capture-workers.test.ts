import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { CaptureStatus } from "../../core/contract/role.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { runInNamespace } from "../../scripts/rig/net-namespace.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";
import { SENSOR } from "../support/read-captures.ts";
import { type Row, sessionKeyOf } from "../support/session-key.ts";

const CAPTURE = join(import.meta.dirname, "../captures/office-minute/input.pcap");
const FAR_SIDE = join(import.meta.dirname, "../support/capture-far-side.ts");
const WORKERS = 2;

let folder = "";
let far: { readonly caught: CaptureStatus; readonly exitStatus: number };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-capture-workers-"));
  const command = [process.execPath, FAR_SIDE, CAPTURE, folder, String(WORKERS)];
  far = JSON.parse(await runInNamespace(["span0"], command, 120_000)) as typeof far;
});
after(() => rm(folder, { recursive: true }));

async function rowsOf(args: readonly string[]): Promise<Row[]> {
  const { stdout } = await nodeExec(SENSOR, args, AbortSignal.timeout(60_000));
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Row);
}

test("threads that share the sessions see every frame, and it counts once", async () => {
  const sent = framesOfPcap(await readFile(CAPTURE)).length;
  const { analysisWorkers, frames, analyserDrops, rowsDropped, counters } = far.caught;
  assert.deepEqual(
    { analysisWorkers, frames, analyserDrops, rowsDropped, counted: counters?.frames, lost: counters?.recordsDropped },
    { analysisWorkers: WORKERS, frames: sent, analyserDrops: 0, rowsDropped: 0, counted: sent, lost: 0 },
  );
});

test("once it has ended, the store has the sessions and requests of both, as read finds them in the same file", async () => {
  assert.equal(far.exitStatus, 0);
  const store = join(folder, "nsm/sessions");
  const expected = await rowsOf(["read", "--json", CAPTURE]);
  const sessions = await rowsOf(["query", "--store", store, "--json", "select * from sessions"]);
  assert.deepEqual(
    sessions.map(sessionKeyOf).sort(),
    expected
      .filter(({ type }) => type === "session")
      .map(sessionKeyOf)
      .sort(),
  );
  const ids = sessions.map(({ id }) => Number(id));
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(new Set(ids.map((id) => id % WORKERS)), new Set([0, 1]), "both have written");
  const requests = await rowsOf(["query", "--store", store, "--json", "select method, host, uri from http"]);
  const keyOfRequest = ({ method, host, uri }: Row) => `${method} ${host} ${uri}`;
  assert.deepEqual(
    requests.map(keyOfRequest).sort(),
    expected
      .filter(({ type }) => type === "http")
      .map(keyOfRequest)
      .sort(),
  );
});

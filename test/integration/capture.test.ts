import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { CaptureStatus, RoleAnswer } from "../../core/contract/role.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { runInNamespace } from "../../scripts/rig/net-namespace.ts";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";
import { sessionKeyOf } from "../support/session-key.ts";

const CAPTURE = join(import.meta.dirname, "../captures/office-minute/input.pcap");
const FAR_SIDE = join(import.meta.dirname, "../support/capture-far-side.ts");
const SENSOR = join(import.meta.dirname, "../../dist/cepa-sensor");

interface FarSide {
  readonly waitingForPorts: CaptureStatus;
  readonly waitingForStore: CaptureStatus;
  readonly caught: CaptureStatus;
  /** pcap files in base64. */
  readonly everything: string;
  readonly filtered: string;
  readonly limited: string;
  readonly session: string;
  /** Id of the TCP session with the most packets, and their number. */
  readonly biggest: readonly [number, number];
  readonly whileCapturing: number;
  readonly refusedQuery: RoleAnswer;
  readonly refusedFilter: RoleAnswer;
  readonly refusedSession: RoleAnswer;
  readonly files: readonly string[];
  readonly exitStatus: number;
  readonly transmitted: number;
  readonly memoryBytes: number;
}

let folder = "";
let sent: readonly string[] = [];
let far: FarSide;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-capture-"));
  sent = hexOf(await readFile(CAPTURE));
  far = JSON.parse(await runInNamespace(["span0"], [process.execPath, FAR_SIDE, CAPTURE, folder], 120_000)) as FarSide;
});
after(() => rm(folder, { recursive: true }));

function hexOf(pcap: Uint8Array): string[] {
  return framesOfPcap(pcap).map(({ bytes }) => Buffer.from(bytes).toString("hex"));
}
const retrieved = (base64: string) => hexOf(Buffer.from(base64, "base64"));
const exec = (args: readonly string[]) => nodeExec(SENSOR, args, AbortSignal.timeout(60_000));

test("the role says what it waits for, and then counts every frame", () => {
  const { waitingForPorts, waitingForStore, caught } = far;
  assert.deepEqual([waitingForPorts.state, waitingForPorts.ports], ["waitingForPorts", []]);
  assert.deepEqual(waitingForStore.ports, [
    { name: "span0", carrier: true },
    { name: "absent0", carrier: false },
  ]);
  const { role, state, frames, analyserDrops, writerDrops, pcapBytes } = caught;
  assert.deepEqual(
    { role, state, frames, analyserDrops, writerDrops, pcapBytes },
    {
      role: "capture",
      state: "capturing",
      frames: sent.length,
      analyserDrops: 0,
      writerDrops: 0,
      pcapBytes: 24 + sent.reduce((sum, hex) => sum + 16 + hex.length / 2, 0),
    },
  );
});

test("the store gives back every frame, octet for octet and in order, while it is being written", () => {
  assert.deepEqual(retrieved(far.everything), sent);
});

test("frames by filter are those that tcpdump picks", async () => {
  const { stdout } = await nodeExec("tcpdump", ["-r", CAPTURE, "-n", "-q", "udp port 53"], AbortSignal.timeout(60_000));
  const filtered = retrieved(far.filtered);
  assert.equal(filtered.length, stdout.trim().split("\n").length);
  assert.ok(filtered.every((hex) => sent.includes(hex)));
});

test("a limit ends the file at a whole frame", () => {
  const limited = retrieved(far.limited);
  assert.deepEqual(limited, sent.slice(0, limited.length));
  const bytes = Buffer.from(far.limited, "base64").length;
  assert.ok(bytes <= 5000 && bytes + 16 + (sent[limited.length]?.length ?? 0) / 2 > 5000, `${bytes} octets`);
});

test("queries are answered while it captures; frames of one session are all of its packets", () => {
  assert.ok(far.whileCapturing >= 50, `${far.whileCapturing} rows`);
  assert.equal(retrieved(far.session).length, far.biggest[1]);
});

test("what can't be answered is an error that says why", () => {
  assert.deepEqual(far.refusedSession, { type: "error", message: "there is no session 999999999" });
  assert.equal(far.refusedQuery.type, "error");
  assert.deepEqual(far.refusedFilter, {
    type: "error",
    message: "the filter: can't parse filter expression: syntax error",
  });
});

test("it ends cleanly on SIGTERM, and sent nothing on the port", () => {
  assert.deepEqual([far.exitStatus, far.transmitted, far.files.length], [0, 0, 1]);
});

test("the sessions of the store are those that read finds in the same file", async () => {
  const store = join(folder, "nsm/sessions");
  const live = await exec(["query", "--store", store, "--json", "select * from sessions"]);
  const file = await exec(["read", "--json", CAPTURE]);
  const records = (text: string) =>
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const expected = records(file.stdout).filter(({ type }) => type === "session");
  assert.deepEqual(records(live.stdout).map(sessionKeyOf).sort(), expected.map(sessionKeyOf).sort());
});

test("cepa-sensor pcap gives the same from the store at rest", async () => {
  const output = join(folder, "session.pcap");
  await exec(["pcap", "--nsm", join(folder, "nsm"), "--session", String(far.biggest[0]), "-w", output]);
  assert.deepEqual(hexOf(await readFile(output)), retrieved(far.session));
  await assert.rejects(exec(["pcap", "--nsm", join(folder, "nsm"), "-w", "-"]), {
    status: 2,
    stderr: /which frames\? Give a session, a filter/,
  });
});

test("tshark reads the files of the store", async () => {
  const [name = ""] = far.files;
  const path = join(folder, "nsm/pcap", name);
  const { stdout } = await nodeExec(
    "tshark",
    ["-r", path, "-T", "fields", "-e", "frame.len"],
    AbortSignal.timeout(60_000),
  );
  assert.deepEqual(
    stdout.trim().split("\n").map(Number),
    sent.map((hex) => hex.length / 2),
  );
});

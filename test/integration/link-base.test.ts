import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import type { Stage } from "../../provider/base/stage.ts";
import type { SensorView } from "../../provider/base/status.ts";
import { operatorName } from "../../scripts/operator.ts";
import { BaseNetwork, type LineProcess, type TestBox, until } from "../support/base-network.ts";

const CLIENT = join(dirname(import.meta.dirname), "support/link-client.ts");
const UUID = "0b9a7a3c-8f3a-4c1e-9d51-2f1f5f6b7c8d";

let network: BaseNetwork;
let base: LineProcess;
let first: TestBox;
let second: TestBox;

before(async () => {
  network = await BaseNetwork.create();
  first = await network.addBox("first", 1);
  second = await network.addBox("second", 2);
  base = await network.startBase();
  const vpns = [first, second].map((box) => network.startVpn(box));
  for (const vpn of vpns) await network.vpnUp(vpn);
});
after(() => network?.destroy());

interface Said {
  readonly opened?: boolean;
  readonly closed?: number;
  readonly error?: string;
  readonly type?: string;
  readonly id?: number;
  readonly sql?: string;
}

/** Opens a link from `box`'s namespace with the identity in `folder`. */
const open = (box: TestBox, folder = box.folder): LineProcess =>
  network.startIn(box.name, process.execPath, [CLIENT, folder, "10.213.0.1", "8443"]);
const say = (link: LineProcess, message: object) => void link.child.stdin?.write(`${JSON.stringify(message)}\n`);
const hello = (box: TestBox) => ({ type: "hello", version: 1, sensorId: box.sensorId, bootId: "b".repeat(32) });
const until_ = (link: LineProcess, fits: (line: Said) => boolean, what: string, from = 0) =>
  link.waitFor<Said>(fits, what, 60_000, from);

async function openWithHello(box: TestBox): Promise<LineProcess> {
  const from = base.lines.length;
  const link = open(box);
  await until_(link, (line) => line.opened === true, "link opens");
  say(link, hello(box));
  await base.waitFor(
    (line: Stage) => line.stage === "linkUp" && line.sensorId === box.sensorId,
    "linkUp",
    60_000,
    from,
  );
  return link;
}

const show = async (name: string) => JSON.parse(await network.cepa(["sensor", "show", name, "--json"])) as SensorView;

test("heartbeats are kept and shown; events are acknowledged once stored, repeats dropped", async () => {
  const link = await openWithHello(first);
  const health = {
    ...{ atMs: 1, bootId: "b".repeat(32), uptimeMs: 61_000, imageVersion: "1.2.3\u001b[2J", rootHash: "unknown" },
    ...{ loadAverage1: 0, memoryTotalBytes: 4, memoryAvailableBytes: 1, disks: [], temperatureC: null, interfaces: [] },
    ...{ units: [{ name: "cepa-link.service", anonymousBytes: 1 }] },
    ...{ capture: null, vault: null, phoneHome: null, rootCheck: null },
  };
  say(link, { type: "heartbeat", sentAtMs: 1, health, link: null });
  const view = await until(async () => {
    const seen = await show("first");
    return seen.health === null || seen.live?.vpn.length !== 1 ? undefined : seen;
  }, "heartbeat");
  assert.equal(view.health?.uptimeMs, 61_000);
  assert.equal(view.identity, "software");
  assert.equal(view.live?.vpn[0]?.transport, "udp");
  assert.ok((view.live?.linkUpSinceMs ?? 0) > 0);
  const shown = await network.cepa(["sensor", "show", "first"]);
  assert.match(shown, /software identity: weaker/);
  assert.match(shown, /1\.2\.3\\x1b\[2J/, "what a sensor says is no command to the terminal");

  const event = { type: "event", id: 7, event: { name: "storeFormatted", atMs: 2, luksUuid: UUID } };
  say(link, event);
  await until_(link, (line) => line.type === "acknowledge" && line.id === 7, "acknowledged");
  const from = link.lines.length;
  const stagesBefore = base.lines.length;
  say(link, event);
  await until_(link, (line) => line.type === "acknowledge" && line.id === 7, "acknowledged again", from);
  say(link, { ...event, id: 8, event: { name: "storeOpened", atMs: 3, luksUuid: UUID } });
  await until_(link, (line) => line.type === "acknowledge" && line.id === 8, "the next");
  const events = base.lines.slice(stagesBefore).filter((line) => (line as Stage).stage === "event") as {
    event: string;
  }[];
  assert.deepEqual(
    events.map((stage) => stage.event),
    [`/nsm opened, LUKS UUID ${UUID}`],
  );
  assert.equal((await show("first")).luksUuid, UUID);
  await link.stop();
});

test("query: answered over the link, in the audit log, errors are the sensor's own words", async () => {
  const link = await openWithHello(first);
  const sql = "select * from sessions where src_randomness < 1";
  const json = await network.cepaResult(["query", "first", sql, "--json", "--max-rows", "2"]);
  assert.deepEqual(json, {
    status: 0,
    stdout: `${JSON.stringify({ sql, n: 1 })}\n${JSON.stringify({ sql: "é\u001b[31m", n: null })}\n`,
    stderr: "there are more rows: only the first 2 were fetched (--max-rows)\n",
  });
  assert.match((await network.cepaResult(["query", "first", sql])).stdout, /é\\x1b\[31m +-/);
  const asked = link.lines.find((line) => (line as Said).type === "query") as object;
  assert.deepEqual({ ...asked, id: 0 }, { type: "query", id: 0, sql, maxRows: 2, timeoutMs: 30_000 });
  const failed = await network.cepaResult(["query", "first", "fail"]);
  assert.deepEqual(failed, { status: 1, stdout: "", stderr: "cepa query: no such table: fail\n" });
  const entry = (await network.auditEntries()).at(-1);
  assert.deepEqual(
    [entry?.action, entry?.who, entry?.detail],
    ["query", operatorName(), { sql: "fail", maxRows: 1000 }],
  );

  assert.equal((await network.cepaResult(["query", "nobody", "select 1"])).status, 1);
  assert.match((await network.cepaResult(["query", "second", "select 1"])).stderr, /no link to base now/);
  assert.equal((await network.cepaResult(["query", "first"])).status, 2);
  await link.stop();
});

test("pcap: every octet, in the audit log; what breaks off leaves no file", async () => {
  const link = await openWithHello(first);
  const path = join(network.folder, "out.pcap");
  await network.cepa(["pcap", "first", "--filter", "tcp port 80", "-w", path]);
  const got = await readFile(path);
  assert.equal(got.length, 1024 * 1024);
  assert.ok(got.equals(Buffer.from(Array.from({ length: got.length }, (_, i) => i % 251))));
  const entry = (await network.auditEntries()).at(-1);
  assert.deepEqual([entry?.action, entry?.detail], ["pcap", { filter: "tcp port 80", maxBytes: 104_857_600 }]);

  const other = join(network.folder, "other.pcap");
  const failed = await network.cepaResult(["pcap", "first", "--filter", "fail", "-w", other]);
  assert.deepEqual([failed.status, failed.stderr], [1, "cepa pcap: no such filter\n"]);
  const tooMuch = await network.cepaResult(["pcap", "first", "--session", "3", "--max-bytes", "1000", "-w", other]);
  assert.equal(tooMuch.status, 1, "a sensor that sends more than was asked for is not believed");
  for (const name of [other, `${other}.part`]) await assert.rejects(stat(name));
  await link.stop();
});

test("a second link of the same sensor takes the place of the first; another's identity gets none", async () => {
  const old = await openWithHello(first);
  const link = await openWithHello(first);
  await until_(old, (line) => line.closed === 1000, "the first is closed");
  assert.equal((await network.cepaResult(["query", "first", "select 1"])).status, 0);
  assert.equal(
    link.lines.some((line) => (line as Said).type === "query"),
    true,
  );

  const stolen = open(second, first.folder);
  await until_(stolen, (line) => line.error?.includes("403") === true, "refused");
  const liar = open(second);
  await until_(liar, (line) => line.opened === true, "link opens");
  say(liar, hello(first));
  await until_(liar, (line) => line.closed === 1000, "a hello of another sensor closes the link");
  const early = open(second);
  await until_(early, (line) => line.opened === true, "link opens");
  say(early, { type: "heartbeat", sentAtMs: 1, health: null, link: null });
  await until_(early, (line) => line.closed === 1000, "no heartbeat before the hello");
  await link.stop();
});

test("what base does not know, or what is too long, hurts nobody", async () => {
  const link = await openWithHello(first);
  for (const line of [
    "no json",
    "[]",
    '{"type":"rows","id":99,"columns":[],"rows":[],"cut":false}',
    '{"type":"future","id":1}',
  ])
    link.child.stdin?.write(`${line}\n`);
  say(link, { type: "event", id: 9, event: { name: "unheardOf", note: "x".repeat(100_000) } });
  await until_(link, (line) => line.type === "acknowledge" && line.id === 9, "taken off the spool");
  assert.equal((await network.cepaResult(["query", "first", "select 1"])).status, 0);
  link.child.stdin?.write(`{"type":"heartbeat","pad":"${"x".repeat(17 * 1024 * 1024)}"}\n`);
  await until_(link, (line) => line.closed !== undefined, "a message over the limit closes the link");
  // The sensor hears of the end before base has seen the connection close.
  const isDown = async () => ((await show("first")).live?.linkUpSinceMs === null ? true : undefined);
  await until(isDown, "base takes the link for down", 10_000);
  assert.match(await network.cepa(["sensor", "list"]), /first .* UDP +down/);
  const again = await openWithHello(first);
  await again.stop();
});

test("a sensor that never stops talking is cut off", async () => {
  const link = await openWithHello(first);
  const line = `${JSON.stringify({ type: "heartbeat", sentAtMs: 1, health: null, link: null })}\n`;
  link.child.stdin?.write(line.repeat(2500));
  await until_(link, ({ closed }) => closed === 1000, "closed");
  await openWithHello(first);
});

test("a new flash ends the link of the box before", async () => {
  const link = await openWithHello(second);
  await network.enrol("second");
  await until_(link, (line) => line.closed === 1000, "closed");
  const refused = open(second);
  await until_(refused, (line) => line.error !== undefined, "refused");
});

test("base's socket is its owner's alone, and a second base for the same folder is refused", async () => {
  assert.equal((await stat(join(network.state, "base.sock"))).mode & 0o777, 0o600);
  const { status, stderr } = await network.cepaResult(["base", "run"]);
  assert.deepEqual([status, stderr], [1, `cepa base: base runs already for ${network.state}\n`]);
  await base.stop();
  assert.match((await network.cepaResult(["query", "first", "select 1"])).stderr, /base does not run here/);
  assert.equal((await network.cepaResult(["sensor", "list"])).status, 0);
});

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { ORDER_FILE } from "../../appliance/reset/reset-files.ts";
import { decodeCommand } from "../../core/contract/command.ts";
import { roleSocketPath } from "../../core/contract/role.ts";
import { askRole } from "../../core/node/role-socket.ts";
import type { Stage } from "../../provider/base/stage.ts";
import type { SensorView } from "../../provider/base/status.ts";
import { BaseNetwork, type LineProcess, type TestBox, until } from "../support/base-network.ts";

/** Both ends as they are shipped: the sensor's link role against base, through a real tunnel. */
const ROLE = join(dirname(import.meta.dirname), "support/link-role.ts");
const UUID = "0b9a7a3c-8f3a-4c1e-9d51-2f1f5f6b7c8d";

let network: BaseNetwork;
let base: LineProcess;
let box: TestBox;

before(async () => {
  network = await BaseNetwork.create();
  box = await network.addBox("box", 1);
  base = await network.startBase();
  await network.vpnUp(network.startVpn(box));
  network.startIn("box", process.execPath, [ROLE, box.folder]);
});
after(() => network?.destroy());

const linkUp = (from: number) =>
  base.waitFor((line: Stage) => line.stage === "linkUp" && line.sensorId === box.sensorId, "link up", 60_000, from);
const tell = (event: object) =>
  askRole(
    roleSocketPath("link", join(box.folder, "run")),
    { type: "event", event: event as never },
    AbortSignal.timeout(20_000),
  );

test("heartbeat with a health record, event, query and pcap", async () => {
  await linkUp(0);
  const view = await until(async () => {
    const seen = JSON.parse(await network.cepa(["sensor", "show", "box", "--json"])) as SensorView;
    return seen.health === null ? undefined : seen;
  }, "heartbeat");
  assert.ok((view.health?.memoryTotalBytes ?? 0) > 0);
  assert.equal(view.linkStatus?.vpnAddress, box.vpnAddress);

  assert.deepEqual(await tell({ name: "storeFormatted", atMs: 5, luksUuid: UUID }), { type: "ok" });
  const { event } = await base.waitFor<{ event: string }>((line: Stage) => line.stage === "event", "event");
  assert.equal(event, `/nsm formatted, LUKS UUID ${UUID}`);

  const rows = await network.cepa(["query", "box", "select 1", "--json", "--max-rows", "7"]);
  assert.deepEqual(JSON.parse(rows), { sql: "select 1", n: 7 });
  const path = join(network.folder, "out.pcap");
  await network.cepa(["pcap", "box", "--session", "1", "-w", path]);
  const octets = await readFile(path);
  assert.ok(octets.equals(Buffer.from(Array.from({ length: 1024 * 1024 }, (_, index) => index % 251))));
  const bad = await network.cepaResult(["pcap", "box", "--filter", "bad", "-w", path]);
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /can't parse filter expression/);
});

test("what happens while base is away arrives once, when it is back", async () => {
  assert.equal(await base.stop(), 0);
  assert.deepEqual(await tell({ name: "storeOpened", atMs: 6, luksUuid: UUID }), { type: "ok" });
  base = await network.startBase();
  await linkUp(0);
  await base.waitFor((line: Stage) => line.stage === "event" && line.event.startsWith("/nsm opened"), "event");
  const rows = await network.cepa(["query", "box", "select 2", "--json"]);
  assert.deepEqual(JSON.parse(rows), { sql: "select 2", n: 1000 });
  const events = base.lines.filter((line) => (line as Stage).stage === "event");
  assert.equal(events.length, 1);
});

test("an order of base's reaches the box as it was signed, is said again until it is answered, and then no more", async () => {
  const shown = async () => JSON.parse(await network.cepa(["sensor", "show", "box", "--json"])) as SensorView;
  await network.cepa(["sensor", "reset", "box", "--yes"]);
  const order = await until(
    () => readFile(join(box.folder, ORDER_FILE)).catch(() => undefined),
    "the order is on the box's disk",
  );
  const decoded = decodeCommand(order);
  assert.deepEqual(decoded.ok && [decoded.value.sensorId, decoded.value.counter, decoded.value.action.kind], [
    box.sensorId,
    1,
    "resetSettings",
  ]);
  assert.equal((await shown()).commandWaits, true);
  assert.deepEqual(await tell({ name: "settingsReset", atMs: 7, cause: "order" }), { type: "ok" });
  await until(async () => ((await shown()).commandWaits ? undefined : true), "base has the answer");
});

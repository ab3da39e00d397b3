import assert from "node:assert/strict";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { STATE_FILES } from "../../core/contract/identity.ts";
import {
  type LinkStatus,
  type RoleName,
  type RoleStatus,
  roleSocketPath,
  type VaultStatus,
} from "../../core/contract/role.ts";
import { askRole } from "../../core/node/role-socket.ts";
import type { Stage } from "../../provider/base/stage.ts";
import type { SensorView } from "../../provider/base/status.ts";
import { BaseNetwork, type LineProcess, type TestBox, until } from "../support/base-network.ts";

const FAR_SIDE = join(dirname(import.meta.dirname), "support/sensor-far-side.ts");
const MIB = 1024 * 1024;

let network: BaseNetwork;
let base: LineProcess;
let box: TestBox;
let sensor: LineProcess;
let store: string;

before(async () => {
  network = await BaseNetwork.create();
  box = await network.addBox("first", 1);
  const pem = box.emergencyKey.export({ format: "pem", type: "pkcs8" });
  await writeFile(join(box.folder, STATE_FILES.emergencyKey), pem, { mode: 0o600 });
  store = join(network.folder, "store.img");
  await writeFile(store, "");
  await truncate(store, 64 * MIB);
  base = await network.startBase();
});
after(() => network?.destroy());

const startSensor = () => network.startIn(box.name, process.execPath, [FAR_SIDE, box.folder, store]);
const stage = (name: Stage["stage"], from = 0) =>
  base.waitFor<Stage>((line: Stage) => line.stage === name, name, 120_000, from);

async function statusOf<R extends RoleName>(role: R): Promise<Extract<RoleStatus, { role: R }> | undefined> {
  const path = roleSocketPath(role, join(box.folder, "run"));
  const answer = await askRole(path, { type: "status" }, AbortSignal.timeout(10_000)).catch(() => undefined);
  return answer?.type === "status" ? (answer.status as Extract<RoleStatus, { role: R }>) : undefined;
}

const untilLink = (state: LinkStatus["state"]) =>
  until(async () => {
    const status = await statusOf("link");
    return status?.state === state ? status : undefined;
  }, `link is ${state}`);

const untilVault = (state: VaultStatus["state"]) =>
  until(async () => {
    const status = await statusOf("vault");
    return status?.state === state ? status : undefined;
  }, `vault is ${state}`);

test("without a tunnel the sensor waits for it", async () => {
  sensor = startSensor();
  await untilVault("waitingForVpn");
  assert.equal((await until(() => statusOf("link"), "link answers")).vpnUp, false);
});

test("with a tunnel: key, a new store, the link, and what base knows of it", async () => {
  await network.vpnUp(network.startVpn(box));
  const released = (await stage("keyReleased")) as Extract<Stage, { stage: "keyReleased" }>;
  assert.deepEqual([released.sensorId, released.format], [box.sensorId, true]);
  await stage("linkUp");
  const vault = await untilVault("open");
  const events = (await base.waitFor(
    (line: Stage) => line.stage === "event" && line.event.includes(vault.luksUuid ?? "?"),
    "storeFormatted",
  )) as Extract<Stage, { stage: "event" }>;
  assert.match(events.event, /formatted/);
  await until(async () => ((await statusOf("link"))?.spooled === 0 ? true : undefined), "the spool is empty");
  const view = await until(async () => {
    const seen = JSON.parse(await network.cepa(["sensor", "show", "first", "--json"])) as SensorView;
    return seen.health?.vault?.state === "open" ? seen : undefined;
  }, "a heartbeat with an open store");
  assert.equal(view.health?.phoneHome?.modem, "absent");
  assert.equal((await untilLink("up")).vpnAddress, box.vpnAddress);
});

test("a query and frames of the sensor, by base's own commands", async () => {
  const rows = await network.cepa(["query", "first", "select 42"]);
  assert.match(rows, /select 42/);
  const file = join(network.folder, "out.pcap");
  await network.cepa(["pcap", "first", "-w", file]);
  const octets = await readFile(file);
  assert.ok(octets.equals(Buffer.alloc(300_000, 7)), `${octets.length} octets`);
});

test("a base that goes away is found missing; when it is back the sensor is, and its store is not formatted again", async () => {
  await base.stop();
  await until(async () => ((await statusOf("link"))?.state !== "up" ? true : undefined), "base is missed", 120_000);
  await sensor.stop();
  await rm(join(box.folder, "mapper/nsm"));
  base = await network.startBase();
  sensor = startSensor();
  const released = (await stage("keyReleased")) as Extract<Stage, { stage: "keyReleased" }>;
  assert.deepEqual([released.format, released.storeDiffers], [false, false]);
  await stage("linkUp");
  await untilLink("up");
  await untilVault("open");
});

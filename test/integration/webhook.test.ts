import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encodeEmergencyBody, encodeEmergencyText } from "../../core/contract/emergency.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { signEmergency } from "../../core/node/signed-message.ts";
import { alertCounters } from "../../provider/alerts/inbox.ts";
import { runWebhook, WEBHOOK_PATH } from "../../provider/alerts/webhook.ts";
import type { Stage } from "../../provider/base/stage.ts";
import { addSensor } from "../../provider/fleet/sensors.ts";
import { createDatabase } from "../../provider/state/database.ts";
import type { Provider } from "../../provider/state/provider.ts";
import { parseSubnet } from "../../provider/vpn/subnet.ts";

const folder = mkdtempSync(join(tmpdir(), "cepa-webhook-"));
const database = createDatabase(join(folder, "base.db"));
const sensor = addSensor(database, "box", parseSubnet("10.213.0.0/16"), 1);
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
database
  .prepare("insert into emergency_keys (sensor_id, key_id, public_key_pem, added_at_ms) values (?, 1, ?, 1)")
  .run(sensor.id, publicKey.export({ format: "pem", type: "spki" }));
const stages: Stage[] = [];
const stop = new AbortController();
let running: Promise<void>;
let port = 0;

before(async () => {
  const ports = { clock: nodeClock, report: (stage: Stage) => void stages.push(stage) };
  await new Promise<void>((resolve) => {
    const onListening = (address: string) => {
      port = Number(address.split(":")[1]);
      resolve();
    };
    const provider = { database } as Provider;
    running = runWebhook(provider, { host: "127.0.0.1", port: 0 }, ports, onListening, stop.signal).catch(() => {});
  });
});
after(async () => {
  stop.abort();
  await running;
  database.close();
  rmSync(folder, { recursive: true });
});

function signed(sequence: number): string {
  const body = encodeEmergencyBody({
    ...{ keyId: 1, sensorId: sensor.id, bootCounter: 1, sequence, timeS: 1_790_000_000, reasons: ["vpnLost"] },
    ...{ position: null, accuracyM: null, fixAgeS: null, network: null, cellId: null, batteryPercent: null },
    flags: {
      ...{ storeLocked: true, vpnUp: false, mainsPower: true },
      ...{ caseOpenLatched: false, captureRunning: false, timeFromGps: false },
    },
  });
  return JSON.stringify({ from: "x", text: encodeEmergencyText(signEmergency(body, privateKey)) });
}

async function post(body: string, localAddress = "127.0.0.1"): Promise<number | undefined> {
  const outgoing = request({ host: "127.0.0.1", port, localAddress, path: WEBHOOK_PATH, method: "POST", agent: false });
  outgoing.end(body);
  const [answer] = await once(outgoing, "response");
  answer.resume();
  return answer.statusCode;
}

test("a flood of what is no message does not keep a signed one out, and is not counted for ever", async () => {
  const statuses = [];
  for (let i = 0; i < 150; i++) statuses.push(await post("no message"));
  assert.deepEqual([statuses.filter((status) => status === 400).length, statuses.at(-1)], [120, 429]);
  assert.equal(await post(signed(1)), 201);
  assert.equal(await post(signed(1)), 429, "a repeat is refused as the rest is");
  assert.deepEqual(alertCounters(database), { accepted: 1, malformed: 120 });
  assert.equal(stages.filter(({ stage }) => stage === "alertRefused").length, 120);
  assert.equal(stages.at(-1)?.stage, "alert");
});

test("one address that holds connections open does not keep another out", async () => {
  const held: Socket[] = [];
  for (let i = 0; i < 300; i++) {
    const socket = connect({ host: "127.0.0.1", port, localAddress: "127.0.0.2" });
    socket.on("error", () => {});
    held.push(socket);
    await once(socket, "connect");
  }
  assert.equal(await post(signed(2)), 201);
  for (const socket of held) socket.destroy();
});

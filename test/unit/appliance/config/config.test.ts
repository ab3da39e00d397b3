import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import {
  checkConfig,
  LAST_GOOD_FILE,
  loadConfig,
  loadNetworkConfig,
  loadPortChoice,
} from "../../../../appliance/config.ts";
import type { SensorIdentity } from "../../../../core/contract/identity.ts";
import { configSignatureInput, DEFAULT_SENSOR_CONFIG } from "../../../../core/contract/sensor-config.ts";

const BASE = generateKeyPairSync("ed25519");
const OTHER = generateKeyPairSync("ed25519");
const IDENTITY: SensorIdentity = {
  sensorId: "00112233445566aa",
  name: "north",
  vpnAddress: "10.213.1.1",
  baseAddress: "10.213.0.1",
  basePort: 8443,
  emergencyKeyId: 0,
  emergencySmsNumber: "+441632960961",
  flashedAtMs: 0,
};

function signed(
  number: number,
  settings: unknown,
  key: KeyObject = BASE.privateKey,
  sensorId = IDENTITY.sensorId,
): string {
  const text = typeof settings === "string" ? settings : JSON.stringify(settings);
  const signature = sign(null, configSignatureInput(sensorId, number, text), key).toString("base64");
  return JSON.stringify({ number, settings: text, signature });
}

const FILTERED = { capture: { filter: "not esp" } };
const FILTERED_CONFIG = {
  ...DEFAULT_SENSOR_CONFIG,
  capture: { ...DEFAULT_SENSOR_CONFIG.capture, filter: "not esp" },
};

for (const { name, text, message } of [
  {
    name: "signed by another",
    text: signed(1, FILTERED, OTHER.privateKey),
    message: /^config\.signature: expected a signature by base for this sensor/,
  },
  {
    name: "for another sensor",
    text: signed(1, {}, BASE.privateKey, "ffffffffffffffff"),
    message: /^config\.signature/,
  },
  {
    name: "its number changed",
    text: signed(1, {}).replace('"number":1', '"number":2'),
    message: /^config\.signature/,
  },
  { name: "no JSON", text: "{", message: /^config: expected JSON/ },
  { name: "empty", text: "", message: /^config: expected JSON/ },
  {
    name: "an unknown setting",
    text: signed(1, { capture: { colour: 1 } }),
    message: /^capture\.colour: expected one of/,
  },
  {
    name: "out of bounds",
    text: signed(1, { link: { heartbeatMs: 1 } }),
    message: /^link\.heartbeatMs: expected an integer, 1000\.\.600000, found 1$/,
  },
  { name: "settings that are no JSON", text: signed(1, "{"), message: /^config\.settings: expected JSON/ },
])
  test(`checkConfig: ${name}`, () =>
    assert.throws(() => checkConfig(text, IDENTITY.sensorId, BASE.publicKey), { name: "ConfigError", message }));

test("checkConfig: a good one, over the defaults", () =>
  assert.deepEqual(checkConfig(signed(7, FILTERED), IDENTITY.sensorId, BASE.publicKey), {
    number: 7,
    config: FILTERED_CONFIG,
  }));

let stateFolder = "";
let said: string[] = [];
const log = (level: string, message: string) => void said.push(`${level} ${message}`);

beforeEach(async () => {
  if (stateFolder !== "") await rm(stateFolder, { recursive: true });
  stateFolder = await mkdtemp(join(tmpdir(), "cepa-config-"));
  said = [];
  await mkdir(join(stateFolder, "identity"));
  await mkdir(join(stateFolder, "capture"));
  const pem = BASE.publicKey.export({ type: "spki", format: "pem" });
  await writeFile(join(stateFolder, "identity/command.pub"), pem);
});
after(() => rm(stateFolder, { recursive: true }));

const load = () => loadConfig(stateFolder, IDENTITY, log, "capture");
const write = (text: string) => writeFile(join(stateFolder, "config.json"), text);

test("loadConfig: no file, the defaults", async () => {
  assert.deepEqual(await load(), DEFAULT_SENSOR_CONFIG);
  assert.deepEqual(said, []);
});

test("loadConfig: a good one is kept, and holds when a bad one follows", async () => {
  const good = signed(3, FILTERED);
  await write(good);
  assert.deepEqual(await load(), FILTERED_CONFIG);
  assert.equal(await readFile(join(stateFolder, "capture", LAST_GOOD_FILE), "utf8"), good);
  for (const bad of ["{", signed(4, { nonsense: 1 }), signed(4, {}, OTHER.privateKey)]) {
    await write(bad);
    assert.deepEqual(await load(), FILTERED_CONFIG);
  }
  assert.deepEqual(said, Array(3).fill("error configuration refused"));
});

test("loadConfig: an older one is refused", async () => {
  await write(signed(3, FILTERED));
  await load();
  await write(signed(2, {}));
  assert.deepEqual(await load(), FILTERED_CONFIG);
  assert.deepEqual(said, ["error configuration refused: older than the last good one"]);
});

test("loadConfig: a bad one and none before, the defaults", async () => {
  await write("[]");
  assert.deepEqual(await load(), DEFAULT_SENSOR_CONFIG);
  assert.deepEqual(said, ["error configuration refused"]);
});

test("loadConfig: without a place to keep it, it holds all the same", async () => {
  await rm(join(stateFolder, "capture"), { recursive: true });
  await write(signed(3, FILTERED));
  assert.deepEqual(await load(), FILTERED_CONFIG);
  assert.deepEqual(said, ["warning the configuration could not be kept as the last good one"]);
});

test("loadNetworkConfig: no file, nothing said; a file; a bad one", async () => {
  assert.deepEqual(await loadNetworkConfig(stateFolder), {});
  await writeFile(join(stateFolder, "network.json"), '{"uplink":"0000:01:00.0","vlan":7}');
  assert.deepEqual(await loadNetworkConfig(stateFolder), { uplink: "0000:01:00.0", vlan: 7 });
  await writeFile(join(stateFolder, "network.json"), '{"uplink":"eth0"}');
  await assert.rejects(loadNetworkConfig(stateFolder), {
    name: "ConfigError",
    message:
      'network.uplink: expected a PCI address like 0000:01:00.0 or a MAC address like 02:00:00:00:00:01, found "eth0"',
  });
  const gateway = { address: "192.0.2.10/24", gateway: "198.51.100.1", dns: [] };
  await writeFile(join(stateFolder, "network.json"), JSON.stringify({ static: gateway }));
  await assert.rejects(loadNetworkConfig(stateFolder), {
    name: "ConfigError",
    message:
      'network.static.gateway: expected the address of another host in the network of 192.0.2.10/24, found "198.51.100.1"',
  });
});

const PORT = "0000:03:00.0";
for (const { name, json, choice } of [
  {
    name: "an address no host has",
    json: { uplink: PORT, static: { address: "192.0.2.0/24" } },
    choice: { uplink: PORT },
  },
  { name: "a key that is not known", json: { span: [PORT], wlan: 1 }, choice: { span: [PORT] } },
  { name: "a SPAN port of no form", json: { uplink: PORT, span: ["eth0"] }, choice: { uplink: PORT } },
  { name: "no object", json: null, choice: {} },
])
  test(`network.json with ${name}: which port is what holds all the same`, async () => {
    await writeFile(join(stateFolder, "network.json"), JSON.stringify(json));
    await assert.rejects(loadNetworkConfig(stateFolder), { name: "ConfigError" });
    assert.deepEqual(await loadPortChoice(stateFolder), choice);
  });

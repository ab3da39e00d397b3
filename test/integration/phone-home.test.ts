import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { PhoneHomePorts } from "../../appliance/phone-home/service.ts";
import { runPhoneHomeRole } from "../../appliance/roles/phone-home.ts";
import { decodeEmergency, type Emergency } from "../../core/contract/emergency.ts";
import { STATE_FILES } from "../../core/contract/identity.ts";
import type { PhoneHomeStatus, RoleRequest } from "../../core/contract/role.ts";
import { configSignatureInput } from "../../core/contract/sensor-config.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { askRole, runRoleSocket } from "../../core/node/role-socket.ts";
import { verifyEmergency } from "../../core/node/signed-message.ts";
import { decodeDeliverPdu } from "../../core/sms/pdu.ts";
import { type GpsEmulator, startGpsEmulator } from "../../scripts/rig/gps-emulator.ts";
import { type ModemEmulator, type SentMessage, startModemEmulator } from "../../scripts/rig/modem-emulator.ts";
import { TEST_SENSOR_ID, writeSensorState } from "../../scripts/rig/sensor-state.ts";

/** Ten times as fast as nodeClock, where only time that passes matters. */
const FAST: Partial<PhoneHomePorts> = {
  clock: {
    nowMs: () => nodeClock.nowMs() * 10 - STARTED_MS * 9,
    monotonicMs: () => nodeClock.monotonicMs() * 10,
    sleep: (durationMs, signal) => nodeClock.sleep(durationMs / 10, signal),
  },
};
const STARTED_MS = Date.now();
const base = generateKeyPairSync("ed25519");
let root: string;
let folder: string;
let publicKey: KeyObject;
let lines: AbortController;
let count = 0;

before(async () => {
  root = await mkdtemp("/dev/shm/cepa-test-"); // lines are configured below /dev
});

after(() => rm(root, { recursive: true }));

afterEach(() => lines.abort());

beforeEach(async () => {
  lines = new AbortController();
  folder = join(root, String(count++));
  await mkdir(join(folder, "run"), { recursive: true });
  const identity = await writeSensorState(folder, { privateKey: "", certificate: "", authority: "" }, {});
  const keys = generateKeyPairSync("ed25519");
  publicKey = keys.publicKey;
  const pem = { format: "pem", type: "pkcs8" } as const;
  await writeFile(join(folder, STATE_FILES.emergencyKey), keys.privateKey.export(pem), { mode: 0o600 });
  const basePem = base.publicKey.export({ format: "pem", type: "spki" });
  await writeFile(join(folder, STATE_FILES.commandPublicKey), basePem);
  const phoneHome = {
    gpsPath: join(folder, "gps"),
    modemPath: join(folder, "modem"),
    vpnLostMs: 1000,
    vpnLostTries: 2,
  };
  const settings = JSON.stringify({ phoneHome });
  const signature = sign(null, configSignatureInput(identity.sensorId, 1, settings), base.privateKey).toString(
    "base64",
  );
  await writeFile(join(folder, STATE_FILES.config), JSON.stringify({ number: 1, settings, signature }));
});

interface Running {
  readonly signal: AbortSignal;
  readonly events: RoleRequest[];
  ask(request: RoleRequest): ReturnType<typeof askRole>;
  status(): Promise<PhoneHomeStatus>;
  until<T>(look: (status: PhoneHomeStatus) => T | undefined): Promise<T>;
}

async function withRole(use: (role: Running) => Promise<void>, overrides: Partial<PhoneHomePorts> = {}): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(120_000)]);
  const runFolder = join(folder, "run");
  const events: RoleRequest[] = [];
  const link = runRoleSocket(
    join(runFolder, "link.sock"),
    async (request) => {
      events.push(request);
      return { type: "ok" };
    },
    stop.signal,
  ).catch(() => {});
  const role = runPhoneHomeRole({ stateFolder: folder, runFolder, nsmFolder: folder }, stop.signal, overrides).catch(
    (error: unknown) => error as Error,
  );
  const ask = (request: RoleRequest) => askRole(join(runFolder, "phone-home.sock"), request, signal);
  const running: Running = {
    signal,
    events,
    ask,
    async status() {
      const answer = await ask({ type: "status" });
      if (answer.type !== "status" || answer.status.role !== "phone-home") assert.fail(JSON.stringify(answer));
      return answer.status;
    },
    async until(look) {
      for (;;) {
        signal.throwIfAborted();
        const found = await running.status().then(look, () => undefined);
        if (found !== undefined) return found;
        await nodeClock.sleep(20, signal);
      }
    },
  };
  try {
    await use(running);
  } finally {
    stop.abort();
    assert.equal((await role)?.name, "AbortError");
    await link;
  }
}

function startLines(signal: AbortSignal): Promise<[GpsEmulator, ModemEmulator]> {
  const gps = startGpsEmulator({ path: join(folder, "gps"), intervalMs: 100 }, signal);
  return Promise.all([gps, startModemEmulator({ path: join(folder, "modem") }, signal)]);
}

/** What base reads in the message, by way of an SMS-DELIVER. */
function readAtBase(modem: ModemEmulator, message: SentMessage): Emergency {
  const delivered = decodeDeliverPdu(modem.deliver(message).pdu);
  assert.ok(delivered.ok);
  assert.ok(verifyEmergency(delivered.value.userData, publicKey));
  const decoded = decodeEmergency(delivered.value.userData);
  assert.ok(decoded.ok);
  return decoded.value;
}

test("a VPN that is lost calls for help once, with the position of the GPS log", async () => {
  const [gps, modem] = await startLines(lines.signal);
  await withRole(async (role) => {
    await role.until((status) => (status.gps === "fix" && status.modem === "ready" ? true : undefined));
    assert.deepEqual(await role.ask({ type: "vpn", up: true, tries: 0 }), { type: "ok" });
    assert.deepEqual(await role.ask({ type: "vpn", up: false, tries: 1 }), { type: "ok" });
    await nodeClock.sleep(1200, role.signal);
    assert.equal(modem.sent.length, 0, "not before it was tried as often as is set");
    await role.ask({ type: "vpn", up: false, tries: 2 });
    const emergency = readAtBase(modem, await modem.message(0, role.signal));
    assert.ok(Math.abs(emergency.timeS - Date.now() / 1000) < 60);
    assert.ok((emergency.fixAgeS ?? 99) < 10);
    assert.deepEqual(emergency, {
      keyId: 1,
      sensorId: TEST_SENSOR_ID,
      bootCounter: 1,
      sequence: 0,
      timeS: emergency.timeS,
      reasons: ["vpnLost"],
      position: { latitudeDeg: gps.latitudeDeg, longitudeDeg: gps.longitudeDeg },
      accuracyM: emergency.accuracyM,
      fixAgeS: emergency.fixAgeS,
      network: { mcc: 234, mnc: 15, mncDigits: 2 },
      cellId: 0x01a2d001,
      flags: {
        storeLocked: true,
        vpnUp: false,
        mainsPower: true,
        caseOpenLatched: false,
        captureRunning: false,
        timeFromGps: false,
      },
      batteryPercent: null,
    });
    await role.until((status) => (status.sent === 1 && status.outbox === 0 ? true : undefined));
    await role.until(() => role.events[0]);
    const [event] = role.events;
    assert.ok(event?.type === "event" && event.event.name === "emergencySent");
    assert.deepEqual([event.event.bootCounter, event.event.sequence], [1, 0]);
    await role.ask({ type: "vpn", up: false, tries: 9 });
    await nodeClock.sleep(2500, role.signal);
    assert.equal(modem.sent.length, 1, "still lost: no second message");
  });
});

test("without receiver and modem the message waits on disk, and goes out with the same octets after a restart", async () => {
  await withRole(async (role) => {
    await role.until((status) => (status.outbox === 1 ? true : undefined)); // never up since the start
    assert.deepEqual([(await role.status()).gps, (await role.status()).modem], ["absent", "absent"]);
  }, FAST);
  const kept = JSON.parse(await readFile(join(folder, "phone-home/outbox.json"), "utf8")) as {
    entries: { message: string }[];
  };
  const modem = await startModemEmulator({ path: join(folder, "modem") }, lines.signal);
  await withRole(async (role) => {
    const message = await modem.message(0, role.signal);
    assert.equal(message.submit.userData.toHex(), kept.entries[0]?.message);
    const emergency = readAtBase(modem, message);
    assert.deepEqual([emergency.position, emergency.fixAgeS, emergency.sequence], [null, null, 0]);
  }, FAST);
});

test("a message that the network refuses is tried again with the same octets, and a modem that hangs is got back", async () => {
  const [, modem] = await startLines(lines.signal);
  modem.faults.push({ command: /^AT\+CMGS/, kind: { name: "error", code: 500 } });
  modem.faults.push({ command: /^AT\+CSQ/, kind: { name: "hang" } });
  modem.faults.push({ command: /^prompt$/, kind: { name: "hang" } });
  await withRole(async (role) => {
    const message = await modem.message(0, role.signal);
    assert.equal(readAtBase(modem, message).sequence, 0);
    await role.until((status) => (status.sent === 1 && status.modem === "ready" ? true : undefined));
    assert.deepEqual(modem.faults, []);
    const { modemTimeouts = 0, messagesDropped } = (await role.status()).counters ?? {};
    assert.ok(modemTimeouts >= 2);
    assert.equal(messagesDropped, 0);
  }, FAST);
});

test("a receiver that is unplugged and comes back is read again", async () => {
  const first = new AbortController();
  lines.signal.addEventListener("abort", () => first.abort());
  await startGpsEmulator({ path: join(folder, "gps"), intervalMs: 100 }, first.signal);
  await withRole(async (role) => {
    await role.until((status) => (status.gps === "fix" ? true : undefined));
    first.abort();
    await role.until((status) => (status.gps === "absent" ? true : undefined));
    await startGpsEmulator({ path: join(folder, "gps"), intervalMs: 100 }, lines.signal);
    await role.until((status) => (status.gps === "fix" ? true : undefined));
  }, FAST);
});

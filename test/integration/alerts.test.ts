import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Emergency, encodeEmergencyBody, encodeEmergencyText } from "../../core/contract/emergency.ts";
import { signEmergency } from "../../core/node/signed-message.ts";
import { encodeDeliverPdu } from "../../core/sms/pdu.ts";
import type { Stage } from "../../provider/base/stage.ts";
import { BaseNetwork, type LineProcess, type TestBox } from "../support/base-network.ts";

let network: BaseNetwork;
let base: LineProcess;
let box: TestBox;
let emergency: Emergency;

before(async () => {
  network = await BaseNetwork.create();
  box = await network.addBox("van", 1);
  base = await network.startBase();
  emergency = {
    keyId: 1,
    sensorId: box.sensorId,
    bootCounter: 20,
    sequence: 1,
    timeS: 1_790_000_000,
    reasons: ["vpnLost", "moved"],
    position: { latitudeDeg: 51.4778, longitudeDeg: -0.0014 },
    accuracyM: 12,
    fixAgeS: 95,
    network: { mcc: 234, mnc: 15, mncDigits: 2 },
    cellId: 4711,
    flags: {
      storeLocked: true,
      vpnUp: false,
      mainsPower: true,
      caseOpenLatched: false,
      captureRunning: false,
      timeFromGps: true,
    },
    batteryPercent: null,
  };
});
after(() => network?.destroy());

const signed = (change: Partial<Emergency> = {}) =>
  signEmergency(encodeEmergencyBody({ ...emergency, ...change }), box.emergencyKey);
const pdu = (message: Uint8Array) =>
  encodeDeliverPdu({ from: "+447700900123", atMs: 1_790_000_001_000, userData: message });

/** HTTP status of the webhook for a body, asked in base's namespace. */
async function post(body: string): Promise<number> {
  const script = `let b = ""; process.stdin.on("data", (d) => { b += d; }).on("end", async () => {
    const answer = await fetch("http://127.0.0.1:8480/v1/emergency", { method: "POST", body: b });
    process.stdout.write(String(answer.status)); });`;
  return Number(await network.runIn("base", process.execPath, ["-e", script], body));
}
const gateway = (carried: object) =>
  JSON.stringify({ from: "+447700900123", received_at: "2026-09-21T14:13:21Z", ...carried });
const alerts = async () =>
  (await network.cepa(["alerts", "--json"]))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("a PDU is accepted once; a replay, a forgery, and what is no message are refused and counted", async () => {
  const message = signed();
  assert.equal(await post(gateway({ pdu: pdu(message) })), 201);
  assert.equal(await post(gateway({ pdu: pdu(message) })), 409);
  assert.equal(await post(gateway({ text: encodeEmergencyText(message) })), 409, "also by another way");
  assert.equal(await post(gateway({ text: encodeEmergencyText(signed({ sequence: 2, reasons: ["test"] })) })), 201);

  const changed = Uint8Array.from(signed({ sequence: 3 }));
  changed[25] = (changed[25] ?? 0) ^ 1; // latitude
  assert.equal(await post(gateway({ pdu: pdu(changed) })), 403);
  assert.equal(await post(gateway({ pdu: pdu(signed({ sequence: 3, keyId: 2 })) })), 403);
  assert.equal(await post(gateway({ pdu: pdu(signed({ sequence: 3, sensorId: "00".repeat(8) })) })), 404);
  assert.equal(await post(gateway({ pdu: pdu(signed({ bootCounter: 11 })) })), 409, "of a boot too long ago");
  assert.equal(await post(gateway({ pdu: pdu(signed({ bootCounter: 12 })) })), 201, "late, but not too late");
  for (const body of [
    "",
    "[]",
    gateway({}),
    gateway({ pdu: "zz" }),
    gateway({ pdu: pdu(message).slice(0, 60) }),
    gateway({ pdu: pdu(message), text: "x" }),
    gateway({ pdu: pdu(message), more: 1 }),
    gateway({ text: "hello" }),
  ])
    assert.equal(await post(body), 400, body.slice(0, 80));
  assert.equal(await post("x".repeat(10_000)), 413);

  const shown = await alerts();
  assert.deepEqual(
    shown
      .map(({ type, sensorName, bootCounter, sequence, reasons, geo }) => ({
        type,
        sensorName,
        bootCounter,
        sequence,
        reasons,
        geo,
      }))
      .slice(0, 3),
    [
      {
        type: "alert",
        sensorName: "van",
        bootCounter: 20,
        sequence: 1,
        reasons: ["vpnLost", "moved"],
        geo: "geo:51.477800,-0.001400;u=12",
      },
      {
        type: "alert",
        sensorName: "van",
        bootCounter: 20,
        sequence: 2,
        reasons: ["test"],
        geo: "geo:51.477800,-0.001400;u=12",
      },
      {
        type: "alert",
        sensorName: "van",
        bootCounter: 12,
        sequence: 1,
        reasons: ["vpnLost", "moved"],
        geo: "geo:51.477800,-0.001400;u=12",
      },
    ],
  );
  assert.deepEqual(shown.at(-1), {
    type: "counters",
    accepted: 3,
    forged: 2,
    malformed: 8,
    replayed: 2,
    tooOld: 1,
    unknownSensor: 1,
  });
  await base.waitFor((line: Stage) => line.stage === "alert" && line.reasons[0] === "VPN to base lost", "stage");

  const words = await network.cepa(["alerts", "--last", "3"]);
  assert.match(words, /van \([0-9a-f]{16}\): VPN to base lost; the box was moved\n/);
  assert.match(words, /position {2}geo:51\.477800,-0\.001400;u=12 \(within 12 m, fix 95 s old\)\n/);
  assert.match(words, /cell {6}234-15 4711\n/);
  assert.match(words, /state {5}store locked, VPN down, on mains, not capturing, time by GPS\n/);
  assert.match(words, /refused: 2 forged, 8 malformed, 2 replayed, 1 tooOld, 1 unknownSensor\n/);
});

test("after a new flash the old key signs nothing any more; a position that is not known is said", async () => {
  const old = box;
  box = await network.enrol("van");
  const nowhere = { keyId: 2, bootCounter: 1, position: null, accuracyM: null, fixAgeS: null };
  assert.equal(await post(gateway({ pdu: pdu(signed(nowhere)) })), 201, "the counters begin anew with the key");
  assert.match(await network.cepa(["alerts", "--last", "1"]), /position {2}no position known\n/);
  const body = encodeEmergencyBody({ ...emergency, sequence: 9 });
  assert.equal(await post(gateway({ pdu: pdu(signEmergency(body, old.emergencyKey)) })), 403);
});

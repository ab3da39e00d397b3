import assert from "node:assert/strict";
import { test } from "node:test";
import { composeEmergency, type Situation } from "../../../../appliance/phone-home/message.ts";
import { nextRecovery } from "../../../../appliance/phone-home/modem.ts";

const IDENTITY = { keyId: 1, sensorId: "0123456789abcdef", bootCounter: 7, sequence: 2 };
const LOST: Situation = {
  nowMs: 1_790_000_000_900,
  fix: undefined,
  fixAgeMs: undefined,
  network: null,
  cellId: null,
  storeLocked: true,
  vpnUp: false,
  captureRunning: false,
};
const NOTHING = {
  ...IDENTITY,
  timeS: 1_790_000_000,
  reasons: ["vpnLost"],
  position: null,
  accuracyM: null,
  fixAgeS: null,
  network: null,
  cellId: null,
  flags: {
    storeLocked: true,
    vpnUp: false,
    mainsPower: true,
    caseOpenLatched: false,
    captureRunning: false,
    timeFromGps: false,
  },
  batteryPercent: null,
};

test("composeEmergency: with nothing known, and with everything", () => {
  assert.deepEqual(composeEmergency(IDENTITY, ["vpnLost"], LOST), NOTHING);
  const fix = { atMs: 0, latitudeDeg: 51.4778765, longitudeDeg: -0.001475, hdop: 0.9, satellites: 9 };
  const network = { mcc: 234, mnc: 15, mncDigits: 2 } as const;
  assert.deepEqual(
    composeEmergency(IDENTITY, ["vpnLost"], {
      ...LOST,
      fix,
      fixAgeMs: 61_900,
      network,
      cellId: 5,
      storeLocked: false,
      captureRunning: true,
    }),
    {
      ...NOTHING,
      position: { latitudeDeg: 51.4778765, longitudeDeg: -0.001475 },
      accuracyM: 5,
      fixAgeS: 61,
      network,
      cellId: 5,
      flags: { ...NOTHING.flags, storeLocked: false, captureRunning: true },
    },
  );
  assert.equal(composeEmergency(IDENTITY, [], { ...LOST, nowMs: -5 }).timeS, 0);
});

test("nextRecovery climbs from a retry to the radio to a reset", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6].map(nextRecovery), [
    "retry",
    "retry",
    "retry",
    "radio",
    "reset",
    "reset",
    "radio",
  ]);
});

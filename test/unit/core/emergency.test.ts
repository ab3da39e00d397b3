import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import {
  decodeEmergency,
  decodeEmergencyText,
  type Emergency,
  encodeEmergencyBody,
  encodeEmergencyText,
} from "../../../core/contract/emergency.ts";
import { malformed, ok, truncated } from "../../../core/decoded.ts";
import { signEmergency, verifyEmergency } from "../../../core/node/signed-message.ts";

/** Public key of RFC 8032, section 7.1, test 1. */
const PUBLIC_KEY = createPublicKey({
  key: { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
  format: "jwk",
});
const VECTOR =
  "c101" +
  "0123456789abcdef" +
  "00070002" +
  "6ab13b80" +
  "00000006" +
  "1eaee68dffffc662" +
  "00050001" +
  "00ea000f01a2d001" +
  "4aff" +
  "227c38a93a569397f0befe2b83476cd5d5179dbf5ea621987a79f8dcab4e49fd" +
  "be60d0fc8eea3153fde094892c9ace4e7339e94b317bfb0c6a7288b8bda4f50b";
const EMERGENCY: Emergency = {
  keyId: 1,
  sensorId: "0123456789abcdef",
  bootCounter: 7,
  sequence: 2,
  timeS: 1_790_000_000,
  reasons: ["vpnLost", "moved"],
  position: { latitudeDeg: 51.4778765, longitudeDeg: -0.001475 },
  accuracyM: 5,
  fixAgeS: 1,
  network: { mcc: 234, mnc: 15, mncDigits: 2 },
  cellId: 0x01a2d001,
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
const NOTHING_KNOWN: Emergency = {
  ...EMERGENCY,
  reasons: ["test", "bit31"],
  position: null,
  accuracyM: null,
  fixAgeS: null,
  network: null,
  cellId: null,
  batteryPercent: 0,
};

function changed(atOffset: number, ...octets: number[]): Uint8Array {
  const bytes = Uint8Array.fromHex(VECTOR);
  bytes.set(octets, atOffset);
  return bytes;
}

for (const { name, bytes, expected } of [
  { name: "the vector", bytes: Uint8Array.fromHex(VECTOR), expected: ok(EMERGENCY) },
  { name: "nothing known", bytes: withSignature(encodeEmergencyBody(NOTHING_KNOWN)), expected: ok(NOTHING_KNOWN) },
  { name: "truncated", bytes: Uint8Array.fromHex(VECTOR).subarray(0, 107), expected: truncated(107) },
  { name: "empty", bytes: new Uint8Array(0), expected: truncated(0) },
  { name: "over-long", bytes: Uint8Array.fromHex(`${VECTOR}00`), expected: malformed(108) },
  { name: "another message", bytes: changed(0, 0xc2), expected: malformed(0) },
  { name: "latitude beyond the pole", bytes: changed(22, 0x35, 0xa4, 0xe9, 0x01), expected: malformed(22) },
  { name: "latitude without longitude", bytes: changed(22, 0x80, 0, 0, 0), expected: malformed(22) },
  { name: "longitude without latitude", bytes: changed(26, 0x80, 0, 0, 0), expected: malformed(26) },
  { name: "MCC of four digits", bytes: changed(34, 0x03, 0xe8), expected: malformed(34) },
  { name: "MNC of three digits said to have two", bytes: changed(36, 0, 100), expected: malformed(36) },
  { name: "battery of 101 %", bytes: changed(43, 101), expected: malformed(43) },
])
  test(`decodeEmergency: ${name}`, () => assert.deepEqual(decodeEmergency(bytes), expected));

test("encodeEmergencyBody gives the vector's 44 octets", () => {
  assert.equal(encodeEmergencyBody(EMERGENCY).toHex(), VECTOR.slice(0, 88));
});

test("the vector's signature holds, and for no other octets", () => {
  assert.ok(verifyEmergency(Uint8Array.fromHex(VECTOR), PUBLIC_KEY));
  for (const atOffset of [0, 1, 9, 11, 13, 43, 44, 107]) {
    const bytes = Uint8Array.fromHex(VECTOR);
    bytes[atOffset] = (bytes[atOffset] ?? 0) ^ 1;
    assert.equal(verifyEmergency(bytes, PUBLIC_KEY), false, `octet ${atOffset}`);
  }
  assert.equal(verifyEmergency(new Uint8Array(107), PUBLIC_KEY), false);
});

test("what signEmergency signs, verifyEmergency takes", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const message = signEmergency(encodeEmergencyBody(NOTHING_KNOWN), privateKey);
  assert.equal(message.length, 108);
  assert.ok(verifyEmergency(message, publicKey));
  assert.equal(verifyEmergency(message, PUBLIC_KEY), false);
});

test("a record that has no such form is refused", () => {
  for (const wrong of [
    { sensorId: "0123" },
    { sequence: 65536 },
    { reasons: ["bit32" as const] },
    { position: { latitudeDeg: 91, longitudeDeg: 0 } },
    { position: { latitudeDeg: Number.NaN, longitudeDeg: 0 } },
    { batteryPercent: 101 },
  ])
    assert.throws(() => encodeEmergencyBody({ ...EMERGENCY, ...wrong }), RangeError);
});

test("an accuracy and an age beyond their fields", () => {
  const decoded = decodeEmergency(
    withSignature(encodeEmergencyBody({ ...EMERGENCY, accuracyM: 1e6, fixAgeS: 70_000 })),
  );
  assert.deepEqual(decoded, ok({ ...EMERGENCY, accuracyM: 65_534, fixAgeS: null }));
});

test("the text form: 144 characters, and back", () => {
  const message = Uint8Array.fromHex(VECTOR);
  const text = encodeEmergencyText(message);
  assert.equal(text.length, 144);
  assert.deepEqual(decodeEmergencyText(` ${text}\r\n`), ok(message));
  assert.deepEqual(decodeEmergencyText(text.slice(1)), truncated(143));
  assert.deepEqual(decodeEmergencyText(`${text}A`), malformed(144));
  assert.deepEqual(decodeEmergencyText(text.replace(/^./, "+")), malformed(0));
});

function withSignature(body: Uint8Array): Uint8Array {
  const message = new Uint8Array(108);
  message.set(body);
  return message;
}

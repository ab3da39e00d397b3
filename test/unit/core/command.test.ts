import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { COMMAND_KINDS, type Command, decodeCommand, encodeCommandBody } from "../../../core/contract/command.ts";
import { malformed, ok, truncated } from "../../../core/decoded.ts";
import { signCommand, verifyCommand } from "../../../core/node/signed-message.ts";

/** Public key of RFC 8032, section 7.1, test 1. */
const PUBLIC_KEY = createPublicKey({
  key: { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
  format: "jwk",
});
const VECTOR =
  "c203" +
  "0123456789abcdef" +
  "0000002a" +
  "00" +
  "00070002" +
  "6ab13b80" +
  "42cb41f725a588288d8f6dd43cfb9cdf7765b56d7a5f4547d6f756ddf92a9e15" +
  "6f44068fcf9cad2974d43fee1e229c8d31e035321a2f9b61b928e08facfbc506";
const COMMAND: Command = {
  keyId: 3,
  sensorId: "0123456789abcdef",
  counter: 42,
  timeS: 1_790_000_000,
  action: { kind: "acknowledge", bootCounter: 7, sequence: 2 },
};

for (const { name, bytes, expected } of [
  { name: "the vector", bytes: Uint8Array.fromHex(VECTOR), expected: ok(COMMAND) },
  { name: "truncated", bytes: Uint8Array.fromHex(VECTOR).subarray(0, 86), expected: truncated(86) },
  { name: "over-long", bytes: Uint8Array.fromHex(`${VECTOR}00`), expected: malformed(87) },
  { name: "another message", bytes: Uint8Array.fromHex(VECTOR.replace("c2", "c1")), expected: malformed(0) },
  {
    name: "a kind of a later version",
    bytes: Uint8Array.fromHex(VECTOR.replace("2a00", "2a09")),
    expected: malformed(14),
  },
])
  test(`decodeCommand: ${name}`, () => assert.deepEqual(decodeCommand(bytes), expected));

test("encodeCommandBody gives the vector's 23 octets, whose signature holds", () => {
  assert.equal(encodeCommandBody(COMMAND).toHex(), VECTOR.slice(0, 46));
  assert.ok(verifyCommand(Uint8Array.fromHex(VECTOR), PUBLIC_KEY));
  assert.equal(verifyCommand(Uint8Array.fromHex(VECTOR.replace("2a00", "2b00")), PUBLIC_KEY), false);
});

test("every kind goes there and back, signed", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  for (const kind of COMMAND_KINDS) {
    const action: Command["action"] =
      kind === "acknowledge"
        ? { kind, bootCounter: 65535, sequence: 65535 }
        : kind === "silence" || kind === "openCellularTunnel"
          ? { kind, untilS: 0xffffffff }
          : { kind };
    const message = signCommand(encodeCommandBody({ ...COMMAND, action }), privateKey);
    assert.ok(verifyCommand(message, publicKey));
    assert.deepEqual(decodeCommand(message), ok({ ...COMMAND, action }));
  }
});

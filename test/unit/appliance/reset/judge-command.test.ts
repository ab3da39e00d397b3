import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { type CommandVerdict, judgeCommand } from "../../../../appliance/reset/judge-command.ts";
import { type Command, encodeCommandBody } from "../../../../core/contract/command.ts";
import { signCommand, verifyCommand } from "../../../../core/node/signed-message.ts";

const base = generateKeyPairSync("ed25519");
const other = generateKeyPairSync("ed25519");
const COMMAND: Command = {
  keyId: 1,
  sensorId: "0123456789abcdef",
  counter: 7,
  timeS: 1_790_000_000,
  action: { kind: "wipe" },
};
const FACTS = {
  sensorId: COMMAND.sensorId,
  flashedAtMs: 1_790_000_000_000,
  lastCounter: 6,
  isSigned: (message: Uint8Array) => verifyCommand(message, base.publicKey),
};
const signed = (change: Partial<Command> = {}, key = base.privateKey) =>
  signCommand(encodeCommandBody({ ...COMMAND, ...change }), key);

const CASES: readonly { name: string; message: Uint8Array; expected: CommandVerdict }[] = [
  { name: "a good one", message: signed(), expected: { state: "taken", kind: "wipe", counter: 7 } },
  {
    name: "signed by another",
    message: signed({}, other.privateKey),
    expected: { state: "refused", why: "it is not signed by base" },
  },
  { name: "cut off", message: signed().subarray(1), expected: { state: "refused", why: "it is not signed by base" } },
  {
    name: "for another sensor",
    message: signed({ sensorId: "fedcba9876543210" }),
    expected: { state: "refused", why: "it is for another sensor" },
  },
  {
    name: "for the box that the sensor was before",
    message: signed({ timeS: COMMAND.timeS - 1 }),
    expected: { state: "refused", why: "it is older than this box" },
  },
  {
    name: "a repeat",
    message: signed({ counter: 6 }),
    expected: { state: "refused", why: "it was taken before" },
  },
];

for (const { name, message, expected } of CASES)
  test(`judgeCommand: ${name}`, () => assert.deepEqual(judgeCommand(message, FACTS), expected));

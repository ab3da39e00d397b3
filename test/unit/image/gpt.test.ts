import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeGpt, GPT_BYTES } from "../../../image/flash/gpt.ts";
import { GPT_HEAD } from "../../support/gpt-head.ts";

const MIB = 1024 * 1024;
const PARTITIONS = [
  {
    type: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    uuid: "89307699-45ad-4f3a-b6a8-b76f8cec4576",
    label: "esp",
    offsetBytes: MIB,
    sizeBytes: 256 * MIB,
  },
  {
    type: "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
    uuid: "f10bcc1b-031d-4796-67e7-eab34335f617",
    label: "cepa_0.1.0",
    offsetBytes: 257 * MIB,
    sizeBytes: 384 * MIB,
  },
  {
    type: "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
    uuid: "85c4fd79-c768-307c-58a4-8867cb3b26d2",
    label: "cepa_0.1.0_verity",
    offsetBytes: 641 * MIB,
    sizeBytes: 16 * MIB,
  },
  {
    type: "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
    uuid: "508511f9-565b-40ba-8588-05185566c2cc",
    label: "_empty",
    offsetBytes: 657 * MIB,
    sizeBytes: 384 * MIB,
  },
  {
    type: "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
    uuid: "0d4b46bb-8f03-4e78-8563-c0f0bc82ae11",
    label: "_empty",
    offsetBytes: 1041 * MIB,
    sizeBytes: 16 * MIB,
  },
  {
    type: "5c4a8e9e-6d0b-4c52-9d5a-c3e0a57a7e01",
    uuid: "a30b3ca8-0a1a-4e15-a2fa-764ca9852e0f",
    label: "state",
    offsetBytes: 1057 * MIB,
    sizeBytes: 1024 * MIB,
  },
];

test("decodeGpt: of systemd-repart", () => assert.deepEqual(decodeGpt(GPT_HEAD), { ok: true, value: PARTITIONS }));

test("decodeGpt: over-long, what follows is not looked at", () =>
  assert.deepEqual(decodeGpt(Buffer.concat([GPT_HEAD, Buffer.alloc(5000, 7)])), { ok: true, value: PARTITIONS }));

const DAMAGED = [
  { name: "no signature", at: 512, value: 0, atOffset: 512 },
  { name: "a header of another size", at: 512 + 12, value: 0x60, atOffset: 512 + 12 },
  { name: "a changed header", at: 512 + 40, value: 0x23, atOffset: 512 + 16 },
  { name: "a changed header checksum", at: 512 + 16, value: 0, atOffset: 512 + 16 },
  { name: "a changed entry", at: 1024 + 32, value: 0x77, atOffset: 512 + 88 },
];
for (const { name, at, value, atOffset } of DAMAGED)
  test(`decodeGpt: ${name}`, () => {
    const bytes = Uint8Array.from(GPT_HEAD);
    bytes[at] = value;
    assert.deepEqual(decodeGpt(bytes), { ok: false, reason: "malformed", atOffset });
  });

test("decodeGpt: truncated anywhere", () => {
  for (const length of [0, 511, 512, 604, GPT_BYTES - 1])
    assert.deepEqual(decodeGpt(GPT_HEAD.subarray(0, length)), { ok: false, reason: "truncated", atOffset: length });
});

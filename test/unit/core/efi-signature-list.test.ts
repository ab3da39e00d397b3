import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSignatureLists, decodeVariableUpdate, X509_SIGNATURE } from "../../../core/efi-signature-list.ts";

const bytesOf = (...hex: readonly string[]) => Uint8Array.from(Buffer.from(hex.join("").replaceAll(" ", ""), "hex"));

const X509 = "a159c0a5e494a74a87b5ab155c2bf072";
const SHA256 = "2616c4c14c509240aca941f936934328";
/** 77fa9abd-0359-4d32-bd60-28f4e78f784b, with which Microsoft's are marked. */
const OWNER = "bd9afa775903324dbd6028f4e78f784b";
/** Of one signature of three octets, and of two of two. */
const ONE = `${X509} 2f000000 00000000 13000000 ${OWNER} 300100`;
const TWO = `${SHA256} 40000000 00000000 12000000 ${OWNER} aaaa ${OWNER} bbbb`;
const owner = "77fa9abd-0359-4d32-bd60-28f4e78f784b";
const signature = (type: string, hex: string) => ({ type, owner, data: bytesOf(hex) });
const SHA256_SIGNATURE = "c1c41626-504c-4092-aca9-41f936934328";

for (const { name, hex, expected } of [
  { name: "nothing", hex: "", expected: [] },
  { name: "a certificate", hex: ONE, expected: [signature(X509_SIGNATURE, "300100")] },
  {
    name: "two lists, with a list header in the second",
    hex: ONE + TWO.replace("40000000 00000000 12000000", "44000000 04000000 12000000 deadbeef"),
    expected: [
      signature(X509_SIGNATURE, "300100"),
      signature(SHA256_SIGNATURE, "aaaa"),
      signature(SHA256_SIGNATURE, "bbbb"),
    ],
  },
])
  test(`decodeSignatureLists: ${name}`, () =>
    assert.deepEqual(decodeSignatureLists(bytesOf(hex)), { ok: true, value: expected }));

for (const { name, hex, reason, atOffset } of [
  { name: "ends within a list's header", hex: X509, reason: "truncated", atOffset: 16 },
  { name: "ends within a signature", hex: ONE.slice(0, -2), reason: "truncated", atOffset: 46 },
  {
    name: "a list shorter than its header",
    hex: ONE.replace("2f000000", "10000000"),
    reason: "malformed",
    atOffset: 16,
  },
  {
    name: "a header longer than its list",
    hex: ONE.replace("00000000 13", "ffffff7f 13"),
    reason: "malformed",
    atOffset: 16,
  },
  { name: "signatures without data", hex: ONE.replace("13000000", "10000000"), reason: "malformed", atOffset: 24 },
  {
    name: "signatures that don't fill the list",
    hex: ONE.replace("13000000", "12000000"),
    reason: "malformed",
    atOffset: 24,
  },
  { name: "octets behind the lists", hex: `${ONE} 00`, reason: "truncated", atOffset: 48 },
] as const)
  test(`decodeSignatureLists: ${name}`, () =>
    assert.deepEqual(decodeSignatureLists(bytesOf(hex)), { ok: false, reason, atOffset }));

test("decodeSignatureLists: more signatures than any firmware holds are refused", () => {
  const count = 8193;
  const list = Buffer.alloc(28 + count * 17);
  list.writeUInt32LE(list.length, 16);
  list.writeUInt32LE(17, 24);
  assert.deepEqual(decodeSignatureLists(list), { ok: false, reason: "malformed", atOffset: 28 + 8192 * 17 });
});

const TIME = "e7070b0e161400000000000000000000";
const PKCS7 = "9dd2af4adf68ee498aa9347d375665a7";
const update = (length: string, lists: string) => bytesOf(TIME, length, "0002 f10e", PKCS7, "3000", lists);

test("decodeVariableUpdate: what is behind the signature", () =>
  assert.deepEqual(decodeVariableUpdate(update("1a000000", ONE)), {
    ok: true,
    value: [signature(X509_SIGNATURE, "300100")],
  }));

for (const { name, bytes, reason, atOffset } of [
  { name: "shorter than its header", bytes: bytesOf(TIME), reason: "truncated", atOffset: 16 },
  { name: "a signature longer than the file", bytes: update("00010000", ""), reason: "truncated", atOffset: 42 },
  { name: "a signature shorter than its header", bytes: update("08000000", ONE), reason: "malformed", atOffset: 16 },
  {
    name: "another kind of signature",
    bytes: bytesOf(TIME, "1a000000 0002 f10e", X509, "3000"),
    reason: "malformed",
    atOffset: 24,
  },
  { name: "a list that is cut off", bytes: update("1a000000", ONE.slice(0, -2)), reason: "truncated", atOffset: 88 },
] as const)
  test(`decodeVariableUpdate: ${name}`, () =>
    assert.deepEqual(decodeVariableUpdate(bytes), { ok: false, reason, atOffset }));

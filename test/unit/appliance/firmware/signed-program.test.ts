import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSignedProgram, identityOf } from "../../../../appliance/firmware/signed-program.ts";
import { makeProgram, makeSignerCertificate, signProgram } from "../../../support/boot-loaders.ts";

/** What sbsign makes is read in test/integration/renew-loader.test.ts. */
const INFO = "systemd-boot 257.13-1~deb13u1";
const PROGRAM = makeProgram(INFO);
const CERTIFICATE = makeSignerCertificate(7);
const SIGNED = signProgram(PROGRAM, CERTIFICATE, 7);
const TABLE_ENTRY = 0x40 + 24 + 112 + 32;

test("decodeSignedProgram: who signed it, and what it calls itself", () => {
  const program = decodeSignedProgram(SIGNED);
  assert.deepEqual(program?.signers, [CERTIFICATE]);
  assert.equal(program?.loaderInfo, INFO);
  assert.match(program?.digest ?? "", /^[0-9a-f]{64}$/);
  const other = decodeSignedProgram(signProgram(makeProgram("another program"), CERTIFICATE, 7));
  assert.equal(other?.loaderInfo, undefined);
  assert.notEqual(other?.digest, program?.digest);
});

test("identityOf: the same for what is signed again by the same key, another for another key, or other octets", () => {
  const identity = (bytes: Uint8Array) => {
    const program = decodeSignedProgram(bytes);
    assert.ok(program);
    return identityOf(program);
  };
  const again = signProgram(PROGRAM, CERTIFICATE, 7, 99);
  assert.notDeepEqual(again, SIGNED);
  assert.equal(identity(again), identity(SIGNED));
  assert.notEqual(identity(signProgram(PROGRAM, makeSignerCertificate(8), 8)), identity(SIGNED));
  assert.notEqual(identity(signProgram(makeProgram("systemd-boot 258"), CERTIFICATE, 7)), identity(SIGNED));
});

const altered = (change: (bytes: Buffer) => Uint8Array | undefined) => {
  const bytes = Buffer.from(SIGNED);
  return change(bytes) ?? bytes;
};
const put = (at: number, value: number) =>
  altered((bytes) => {
    bytes.writeUInt32LE(value, at);
    return undefined;
  });

for (const [name, bytes] of [
  ["nothing", new Uint8Array()],
  ["cut off in its first octets", SIGNED.subarray(0, 60)],
  ["cut off in its headers", SIGNED.subarray(0, 200)],
  ["cut off in its section", SIGNED.subarray(0, 900)],
  ["cut off in its signature", SIGNED.subarray(0, SIGNED.length - 8)],
  ["longer than its signature", Buffer.concat([SIGNED, Buffer.alloc(8)])],
  ["unsigned", PROGRAM],
  ["no PE", put(0x40, 0)],
  ["headers beyond its end", put(0x3c, 0xfffffff0)],
  ["PE32", put(0x40 + 24, 0x10b)],
  ["a signature in its headers", put(TABLE_ENTRY, 8)],
  ["a signature of no length", put(PROGRAM.length, 0)],
  ["a signature beyond its end", put(PROGRAM.length, 0xffffffff)],
  ["another kind of certificate alone", put(PROGRAM.length + 4, 0x00010200)],
  ["an octet of its section changed", put(700, 1)],
  ["an octet of its headers changed", put(0x40 + 24 + 16, 1)],
  ["octets of zero in the place of its end", altered((all) => all.fill(0, PROGRAM.length - 512))],
  ["the certificate of another than who signed", signProgram(PROGRAM, makeSignerCertificate(8), 7)],
] as const)
  test(`decodeSignedProgram: none: ${name}`, () => assert.equal(decodeSignedProgram(bytes), undefined));

test("decodeSignedProgram: its checksum is not signed", () =>
  assert.equal(decodeSignedProgram(put(0x40 + 24 + 64, 7))?.loaderInfo, INFO));

test("decodeSignedProgram: no octet of the signature can make it throw", () => {
  for (let at = PROGRAM.length; at < SIGNED.length; at++)
    for (const octet of [0, 0x7f, 0x80, 0xff])
      decodeSignedProgram(
        altered((bytes) => {
          bytes[at] = octet;
          return undefined;
        }),
      );
});

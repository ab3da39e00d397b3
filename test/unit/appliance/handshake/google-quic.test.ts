import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readGoogleClientHello, readGoogleCrypto } from "../../../../appliance/handshake/google-quic.ts";

const TAGS = [
  ["PAD\0", "-".repeat(40)],
  ["SNI\0", "box.example"],
  ["UAID", "browser"],
] as const;

/** A CHLO of Google's QUIC Crypto, section "Handshake messages". */
function clientHello(): Buffer {
  const header = Buffer.alloc(8);
  header.write("CHLO", "latin1");
  header.writeUInt16LE(TAGS.length, 4);
  let end = 0;
  const entries = TAGS.map(([tag, value]) => {
    end += value.length;
    const entry = Buffer.alloc(8);
    entry.write(tag, "latin1");
    entry.writeUInt32LE(end, 4);
    return entry;
  });
  return Buffer.concat([header, ...entries, ...TAGS.map(([, value]) => Buffer.from(value, "latin1"))]);
}

const HASH = Buffer.alloc(12, 7);
/** STREAM frame of stream 1 at offset 0. */
const STREAM = Buffer.from("a001000401", "hex");
const CASES = [
  ["Q043", Buffer.concat([Buffer.from("09", "hex"), Buffer.alloc(8, 1), Buffer.from("Q043\x01", "latin1")])],
  ["Q035", Buffer.concat([Buffer.from("01", "hex"), Buffer.from("Q035\x01", "latin1")])],
  [
    "Q046",
    Buffer.concat([Buffer.from("c3", "hex"), Buffer.from("Q046", "latin1"), Buffer.alloc(9, 0x50), Buffer.alloc(4)]),
  ],
] as const;

for (const [version, header] of CASES)
  test(`Google's QUIC: name and version of a client, ${version}`, () => {
    const packet = Buffer.concat([header, HASH, STREAM, clientHello()]);
    assert.deepEqual(readGoogleClientHello(packet, 0, packet.length), { version, sni: "box.example" });
    const before = Buffer.concat([Buffer.from("xy"), packet, Buffer.from("z")]);
    assert.deepEqual(readGoogleClientHello(before, 2, before.length - 1), { version, sni: "box.example" });
    for (let length = 0; length < packet.length; length++)
      assert.notEqual(readGoogleClientHello(packet, 0, length)?.sni, "", `${length} octets`);
  });

test("Google's QUIC: hostile octets give no name that isn't there", () => {
  const packet = Buffer.concat([CASES[0][1], HASH, STREAM, clientHello()]);
  fc.assert(
    fc.property(
      fc.nat(packet.length - 1),
      fc.integer({ min: 0, max: 255 }),
      fc.nat(packet.length),
      (at, octet, length) => {
        const changed = Buffer.from(packet);
        changed[at] = octet;
        const found = readGoogleClientHello(changed, 0, length)?.sni ?? "";
        assert.ok(changed.subarray(0, length).includes(Buffer.from(found, "latin1")));
      },
    ),
    { numRuns: 2000, seed: 1 },
  );
});

test("Google's QUIC: in CRYPTO frames the message is waited for", () => {
  const stream = clientHello();
  assert.deepEqual(readGoogleCrypto(stream), { sni: "box.example" });
  for (let length = 0; length < stream.length; length++)
    assert.equal(readGoogleCrypto(stream.subarray(0, length)), undefined, `${length} octets`);
});

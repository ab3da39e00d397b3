import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { HandshakeFacts } from "../../../../appliance/handshake/handshake-facts.ts";
import { zeroQuicCounters } from "../../../../appliance/handshake/quic-counters.ts";
import { QuicReader } from "../../../../appliance/handshake/quic-reader.ts";

/** RFC 9001, appendix A.1: keys, IVs and header protection for this connection id. */
const DESTINATION_ID = Buffer.from("8394c8f03e515708", "hex");
const CLIENT = {
  key: Buffer.from("1f369613dd76d5467730efcbe3b1a22d", "hex"),
  iv: Buffer.from("fa044b2f42a3fd3b46fb255c", "hex"),
  hp: Buffer.from("9f50449e04a0e810283a1e9933adedd2", "hex"),
  destinationId: DESTINATION_ID,
};
const SERVER = {
  key: Buffer.from("cf3a5331653c364c88f0f379b6067e37", "hex"),
  iv: Buffer.from("0ac1493ca1905853b0bba03e", "hex"),
  hp: Buffer.from("c206b8d9b9f0f37644430b490eeaa314", "hex"),
  destinationId: Buffer.alloc(0),
};

/** RFC 9369, appendix A.1: for the same connection id. */
const SERVER_2 = {
  key: Buffer.from("82db637861d55e1d011f19ea71d5d2a7", "hex"),
  iv: Buffer.from("dd13c276499c0249d3310652", "hex"),
  hp: Buffer.from("edf6d05c83121201b436e16877593c3a", "hex"),
  destinationId: Buffer.alloc(0),
};

/** A number of RFC 9000, section 15, that no server knows; it is laid out as version 1. */
const FORCES_NEGOTIATION = [0x1a, 0x2a, 0x3a, 0x4a] as const;
const VERSION_1 = [0, 0, 0, 1] as const;
const VERSION_2 = [0x6b, 0x33, 0x43, 0xcf] as const;

/** An Initial packet of version 1 (RFC 9000, section 17.2.2), protected as RFC 9001, section 5, says. */
function seal(
  side: typeof CLIENT,
  packetNumber: number,
  frames: Uint8Array,
  version: readonly number[] = VERSION_1,
): Buffer {
  const payload = Buffer.concat([frames, Buffer.alloc(Math.max(0, 40 - frames.length))]);
  const header = Buffer.concat([
    Buffer.from([version === VERSION_2 ? 0xd0 : 0xc0, ...version, side.destinationId.length]),
    side.destinationId,
    Buffer.from([0, 0]),
    varint(1 + payload.length + 16),
    Buffer.from([packetNumber]),
  ]);
  const nonce = Buffer.from(side.iv);
  nonce[11] = (nonce[11] ?? 0) ^ packetNumber;
  const cipher = createCipheriv("aes-128-gcm", side.key, nonce);
  cipher.setAAD(header);
  const sealed = Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
  const mask = createCipheriv("aes-128-ecb", side.hp, null).update(sealed.subarray(3, 19));
  header[0] = (header[0] ?? 0) ^ ((mask[0] ?? 0) & 0x0f);
  header[header.length - 1] = packetNumber ^ (mask[1] ?? 0);
  return Buffer.concat([header, sealed]);
}

function varint(value: number): Buffer {
  return Buffer.from([0x40 | (value >> 8), value & 0xff]);
}

function crypto(offset: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([6]), varint(offset), varint(data.length), data]);
}

/** RFC 8446, section 4.1: a version, random octets, no session id, suites, then extensions. */
function hello(type: number, fields: string): Buffer {
  const body = Buffer.concat([Buffer.from("0303", "hex"), Buffer.alloc(32, 5), Buffer.from(fields, "hex")]);
  const header = Buffer.from([type, 0, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([header, body]);
}

const NAME = Buffer.from("box.example").toString("hex");
const CLIENT_HELLO = hello(
  1,
  `00 0002 1301 0100 001b 0000 0010 000e 00 000b ${NAME} 002b 0003 02 0304`.replaceAll(" ", ""),
);
const SERVER_HELLO = hello(2, "00 1301 00 0006 002b 0002 0304".replaceAll(" ", ""));

function read(parts: readonly (readonly [number, Uint8Array])[]): HandshakeFacts[] {
  const all: HandshakeFacts[] = [];
  const reader = new QuicReader((facts) => all.push(facts));
  for (const [side, bytes] of parts) reader.datagram(side, bytes, 0, bytes.length, 9);
  reader.end();
  assert.equal(reader.done, true);
  return all;
}

function said({ protocol, clientSide, timeUs, sni, version, cipher, ja4 }: HandshakeFacts): unknown[] {
  return [protocol, clientSide, timeUs, sni, version, cipher, ja4?.slice(0, 10)];
}

const WHOLE = ["QUIC", 1, 9, "box.example", "0x0304", "0x1301", "q13d010200"];

test("QuicReader: hellos in pieces, in any order, of several packets in one datagram", () => {
  const pieces = [CLIENT_HELLO.subarray(0, 20), CLIENT_HELLO.subarray(20, 31), CLIENT_HELLO.subarray(31)];
  const [first, second, third] = pieces as [Buffer, Buffer, Buffer];
  const early = seal(
    CLIENT,
    1,
    Buffer.concat([Buffer.from([1]), crypto(31, third), Buffer.from([0, 0]), crypto(0, first)]),
  );
  const late = seal(CLIENT, 2, crypto(18, Buffer.concat([first.subarray(18), second])));
  const answer = seal(SERVER, 0, Buffer.concat([Buffer.from([2, 0, 0, 0, 0]), crypto(0, SERVER_HELLO)]));
  assert.deepEqual(
    read([
      [1, Buffer.concat([early, late])],
      [0, answer],
    ]).map(said),
    [WHOLE],
  );
  assert.deepEqual(
    read([
      [1, late],
      [1, early],
      [1, late],
      [0, answer],
    ]).map(said),
    [WHOLE],
  );
  assert.deepEqual(
    read([
      [1, late],
      [1, early],
    ]).map(said),
    [[...WHOLE.slice(0, 4), null, null, WHOLE[6]]],
  );
  assert.deepEqual(
    read([
      [1, late],
      [0, answer],
    ]).map(said),
    [["QUIC", 1, 9, null, "0x0304", "0x1301", undefined]],
  );
});

test("QuicReader: a damaged packet, another version and short headers say nothing", () => {
  const whole = seal(CLIENT, 0, crypto(0, CLIENT_HELLO));
  const damaged = Buffer.from(whole);
  damaged[whole.length - 1] = (damaged[whole.length - 1] ?? 0) ^ 1;
  const unknown = Buffer.from(whole);
  unknown[4] = 99;
  for (const bytes of [damaged, unknown, whole.subarray(0, 60), Buffer.alloc(80, 0x40), Buffer.alloc(0)])
    assert.deepEqual(read([[1, bytes]]), []);
  assert.equal(
    read([
      [1, damaged],
      [1, whole],
    ]).length,
    1,
  );
});

test("QuicReader: after a version negotiation the second hello counts", () => {
  const refused = hello(1, "00 0002 1302 0100".replaceAll(" ", ""));
  const answer = seal(SERVER, 0, crypto(0, SERVER_HELLO));
  assert.deepEqual(
    read([
      [1, seal(CLIENT, 0, crypto(0, refused), FORCES_NEGOTIATION)],
      [1, seal(CLIENT, 0, crypto(0, CLIENT_HELLO))],
      [0, answer],
    ]).map(said),
    [WHOLE],
  );
});

test("QuicReader: a server that goes on in version 2", () => {
  assert.deepEqual(
    read([
      [1, seal(CLIENT, 0, crypto(0, CLIENT_HELLO))],
      [0, seal(SERVER_2, 0, crypto(0, SERVER_HELLO), VERSION_2)],
    ]).map(said),
    [WHOLE],
  );
});

test("QuicReader: keys are made for eight connection ids; what no key opens after that is counted", () => {
  const counters = zeroQuicCounters();
  const reader = new QuicReader(() => assert.fail("nothing was said"), counters);
  for (let i = 0; i < 10; i++) {
    const foreign = seal({ ...CLIENT, destinationId: Buffer.alloc(8, i) }, 0, crypto(0, CLIENT_HELLO));
    reader.datagram(1, foreign, 0, foreign.length, 9);
  }
  const beyond = seal(CLIENT, 0, crypto(0, CLIENT_HELLO));
  reader.datagram(1, beyond, 0, beyond.length, 9);
  reader.end();
  assert.deepEqual(counters, { quicCryptoBytesDropped: 0, quicPacketsWithoutKeys: 3, quicHandshakesGivenUp: 0 });
});

test("QuicReader: whatever comes, nothing is thrown and one record at most is made", () => {
  const whole = seal(CLIENT, 0, crypto(0, CLIENT_HELLO));
  const datagram = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, octet]) => {
      const mutated = Buffer.from(whole);
      mutated[at] = octet;
      return mutated;
    }),
    fc.uint8Array({ maxLength: 200 }).map((frames) => seal(CLIENT, 3, frames)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1), datagram), { maxLength: 80 }), (parts) => {
      assert.ok(read(parts).length <= 1);
    }),
    { numRuns: 100, seed: 1 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { zeroDtlsCounters } from "../../../../appliance/handshake/dtls-counters.ts";
import { DtlsReader } from "../../../../appliance/handshake/dtls-reader.ts";
import type { HandshakeFacts } from "../../../../appliance/handshake/handshake-facts.ts";
import { concat, serverName, uint16s, vector } from "./hello-bytes.ts";

const CLIENT = 1;
const SERVER = 0;
const TIME_US = 1_700_000_000_000_000;
const SERVER_NAME = (() => {
  const [type, data] = serverName("box.example");
  return concat(uint16s([type]), vector(2, data));
})();
/** RFC 6347, section 4.2.1: version, random, session id, cookie, suites, compression methods, extensions. */
const HELLO = concat(
  Uint8Array.of(0xfe, 0xfd),
  new Uint8Array(32),
  Uint8Array.of(0),
  vector(1, new Uint8Array(20)),
  vector(2, uint16s([0xc02f])),
  Uint8Array.of(1, 0),
  vector(2, SERVER_NAME),
);

/** A record of one fragment of a handshake message. */
function fragment(type: number, sequence: number, body: Uint8Array, from: number, to: number, epoch = 0): Uint8Array {
  const three = (value: number) => Uint8Array.of(value >> 16, (value >> 8) & 255, value & 255);
  const content = concat(
    Uint8Array.of(type),
    three(body.length),
    uint16s([sequence]),
    three(from),
    three(to - from),
    body.subarray(from, to),
  );
  return concat(Uint8Array.of(22, 0xfe, 0xfd), uint16s([epoch]), new Uint8Array(6), vector(2, content));
}

function harness() {
  const facts: HandshakeFacts[] = [];
  const counters = zeroDtlsCounters();
  const reader = new DtlsReader((one) => facts.push(one), counters);
  const give = (side: number, datagram: Uint8Array) => reader.datagram(side, datagram, 0, datagram.length, TIME_US);
  return { reader, facts, counters, give };
}

test("DtlsReader: fragments in any order, repeated, overlapping, several records a datagram", () => {
  const cuts = fc.array(fc.tuple(fc.nat(HELLO.length), fc.nat(HELLO.length)), { maxLength: 8 });
  fc.assert(
    fc.property(cuts, fc.boolean(), (list, together) => {
      const { reader, facts, give } = harness();
      const spans = [...list.map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const), [0, HELLO.length] as const];
      const records = spans.map(([from, to]) => fragment(1, 0, HELLO, from, to));
      if (together) give(CLIENT, concat(...records));
      else for (const one of records) give(CLIENT, one);
      reader.end();
      assert.deepEqual(
        facts.map(({ protocol, sni, clientSide, ja4 }) => [protocol, sni, clientSide, ja4?.slice(0, 4)]),
        [["DTLS", "box.example", CLIENT, "dd2d"]],
      );
    }),
    { numRuns: 200, seed: 1 },
  );
});

function said({ protocol, clientSide, sni, version, cipher, ja4 }: HandshakeFacts): unknown[] {
  return [protocol, clientSide, sni, version, cipher, ja4?.slice(0, 10)];
}

/** RFC 6347, section 4.2.1: version, random, session id, suite, compression method. */
const SERVER_HELLO = concat(Uint8Array.of(0xfe, 0xfd), new Uint8Array(32), Uint8Array.of(0, 0xc0, 0x2f, 0));
/** RFC 9147, section 5.4, with supported_versions. */
const SERVER_HELLO_13 = concat(
  ...[Uint8Array.of(0xfe, 0xfd), new Uint8Array(32), Uint8Array.of(0, 0x13, 0x01, 0)],
  vector(2, uint16s([0x002b, 2, 0xfefc])),
);
const NOTHING = new Uint8Array(0);
const whole = (type: number, sequence: number, body: Uint8Array) => fragment(type, sequence, body, 0, body.length);
const changeCipherSpec = concat(Uint8Array.of(20, 0xfe, 0xfd), new Uint8Array(8), vector(2, Uint8Array.of(1)));

type Part = readonly [side: number, datagram: Uint8Array];
const CLIENT_SAID = ["DTLS", CLIENT, "box.example", null, null, "dd2d010100"];
const BOTH_SAID = ["DTLS", CLIENT, "box.example", "0xfefd", "0xc02f", "dd2d010100"];
const CASES: readonly {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly expected: unknown[][];
  readonly goesOn?: true;
}[] = [
  {
    name: "messages in the order of their numbers, sent again, after a HelloVerifyRequest that counts",
    parts: [
      [CLIENT, whole(1, 0, HELLO)],
      [SERVER, whole(3, 0, new Uint8Array(3))],
      [CLIENT, whole(1, 1, HELLO)],
      [SERVER, whole(14, 2, NOTHING)],
      [SERVER, whole(2, 1, SERVER_HELLO)],
    ],
    expected: [BOTH_SAID],
  },
  {
    name: "after a HelloVerifyRequest that doesn't count",
    parts: [
      [SERVER, whole(3, 0, new Uint8Array(3))],
      [CLIENT, whole(1, 1, HELLO)],
      [SERVER, whole(2, 0, SERVER_HELLO)],
      [SERVER, whole(14, 1, NOTHING)],
    ],
    expected: [BOTH_SAID],
  },
  {
    name: "DTLS 1.3",
    parts: [
      [CLIENT, whole(1, 0, HELLO)],
      [SERVER, whole(2, 0, SERVER_HELLO_13)],
    ],
    expected: [["DTLS", CLIENT, "box.example", "0xfefc", "0x1301", "dd2d010100"]],
  },
  {
    name: "a session that is taken up again: both sides encrypt, a message may come late",
    parts: [
      [CLIENT, whole(1, 0, HELLO)],
      [SERVER, changeCipherSpec],
      [SERVER, whole(2, 0, SERVER_HELLO)],
      [CLIENT, fragment(20, 2, new Uint8Array(40), 0, 40, 1)],
    ],
    expected: [BOTH_SAID],
  },
  {
    name: "what other protocols send between",
    parts: [
      [SERVER, Uint8Array.of(0x80, 0x60, 1, 2, 3)],
      [CLIENT, whole(1, 0, HELLO)],
      [SERVER, Uint8Array.of(0, 1, 0, 0)],
      [CLIENT, NOTHING],
    ],
    expected: [CLIENT_SAID],
    goesOn: true,
  },
  {
    name: "a hello of which the end is missing",
    parts: [[CLIENT, fragment(1, 0, HELLO, 0, HELLO.length - 1)]],
    expected: [["DTLS", CLIENT, null, null, null, undefined]],
    goesOn: true,
  },
  {
    name: "records and fragments that are cut, of no known type, or of no known version",
    parts: [
      [CLIENT, whole(1, 0, HELLO).subarray(0, 60)],
      [CLIENT, whole(99, 0, HELLO)],
      [CLIENT, whole(1, 0, HELLO).fill(0xf0, 2, 3)],
      [CLIENT, whole(1, 0, HELLO).fill(0xff, 22, 23)],
    ],
    expected: [],
    goesOn: true,
  },
];

for (const { name, parts, expected, goesOn = false } of CASES)
  test(`DtlsReader: ${name}`, () => {
    const { reader, facts, give } = harness();
    for (const [side, datagram] of parts) give(side, datagram);
    assert.equal(reader.done, !goesOn);
    reader.end();
    assert.deepEqual(facts.map(said), expected);
  });

test("DtlsReader: limits are counted", () => {
  const { reader, facts, counters, give } = harness();
  give(CLIENT, whole(1, 1, HELLO));
  give(CLIENT, whole(11, 10, HELLO)); // too far ahead of 2
  assert.deepEqual(counters, { dtlsBytesDropped: HELLO.length, dtlsHandshakesGivenUp: 0 });
  const certificate = new Uint8Array(40_000);
  give(CLIENT, whole(11, 3, certificate));
  give(CLIENT, whole(11, 4, certificate));
  const kept = 1 << 15;
  assert.equal(counters.dtlsBytesDropped, HELLO.length + (certificate.length - kept) + certificate.length);
  for (let i = 0; i < 200; i++) give(SERVER, Uint8Array.of(1, 2, 3));
  assert.deepEqual([reader.done, counters.dtlsHandshakesGivenUp], [true, 1]);
  assert.deepEqual(facts.map(said), [CLIENT_SAID]);
});

test("DtlsReader: whatever comes, nothing is thrown and one record at most is made", () => {
  const datagram = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(fc.constantFrom(1, 2, 3, 11, 14, 20), fc.nat(12), fc.nat(HELLO.length), fc.nat(2))
      .map(([type, sequence, to, epoch]) => fragment(type, sequence, HELLO, to >> 1, to, epoch >> 1)),
    fc.tuple(fc.nat(30), fc.nat(255)).map(([at, octet]) => whole(1, 0, HELLO).fill(octet, at, at + 1)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1), datagram), { maxLength: 140 }), (parts) => {
      const { reader, facts, give } = harness();
      for (const [side, bytes] of parts) give(side, bytes);
      reader.end();
      assert.ok(reader.done && facts.length <= 1);
    }),
    { numRuns: 200, seed: 1 },
  );
});

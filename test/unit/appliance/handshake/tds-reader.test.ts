import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HandshakeFacts } from "../../../../appliance/handshake/handshake-facts.ts";
import { startsTds, TdsReader } from "../../../../appliance/handshake/tds-reader.ts";
import { zeroTlsCounters } from "../../../../appliance/handshake/tls-counters.ts";
import { bytesOf, clientHelloBody, concat, message, record, serverName, vector } from "./hello-bytes.ts";

const CLIENT = 1;
const SERVER = 0;
const PRELOGIN = 18;
const TABULAR_RESULT = 4;
const LOGIN = 16;

/** MS-TDS, section 2.2.3.1. */
function packet(type: number, content: Uint8Array, status = 1): Uint8Array {
  const length = 8 + content.length;
  return concat(Uint8Array.of(type, status, length >> 8, length & 0xff, 0, 0, 1, 0), content);
}

/** MS-TDS, section 2.2.6.5: VERSION and ENCRYPTION, their offsets and lengths, a terminator, their values. */
const OPTIONS = bytesOf("00 000b 0006 01 0011 0001 ff 0f0007d00000 01");
const CLIENT_HELLO = record(
  22,
  message(1, clientHelloBody({ version: 0x0303, cipherSuites: [0xc02f], extensions: [serverName("sql.example")] })),
);
const CERTIFICATE = new Uint8Array(700).fill(0x16);
const SERVER_FLIGHT = record(
  22,
  concat(
    message(2, concat(bytesOf("0303"), new Uint8Array(32), bytesOf("00 c02f 00"))),
    message(11, vector(3, vector(3, CERTIFICATE))),
    message(14, new Uint8Array(0)),
  ),
);
const CERTIFICATE_SHA256 = "8fc7ef45d1b0ec9c87dcba72d9cae835c5f745f082378ee187660476a8ad3093";

type Part = readonly [side: number, bytes: Uint8Array];

function read(parts: readonly Part[], pieceBytes = 10_000, counters = zeroTlsCounters()): HandshakeFacts[] {
  const all: HandshakeFacts[] = [];
  const reader = new TdsReader((facts) => all.push(facts), counters);
  for (const [side, bytes] of parts)
    for (let from = 0; from < bytes.length; from += pieceBytes)
      reader.data(side, bytes, from, Math.min(bytes.length, from + pieceBytes), 3);
  reader.end();
  assert.equal(reader.done, true);
  return all;
}

function said({ protocol, clientSide, sni, cipher, certSha256 }: HandshakeFacts): unknown[] {
  return [protocol, clientSide, sni, cipher, certSha256];
}

const OPENING: readonly Part[] = [
  [CLIENT, packet(PRELOGIN, OPTIONS)],
  [SERVER, packet(TABULAR_RESULT, OPTIONS)],
];
const WHOLE = ["TLS", CLIENT, "sql.example", "0xc02f", CERTIFICATE_SHA256];
const UNANSWERED = ["TLS", CLIENT, "sql.example", null, null];
const CASES: readonly { readonly name: string; readonly parts: readonly Part[]; readonly expected: unknown[][] }[] = [
  {
    name: "a flight in several packets",
    parts: [
      ...OPENING,
      [CLIENT, packet(PRELOGIN, CLIENT_HELLO)],
      [SERVER, packet(PRELOGIN, SERVER_FLIGHT.subarray(0, 100), 0)],
      [SERVER, packet(PRELOGIN, SERVER_FLIGHT.subarray(100))],
    ],
    expected: [WHOLE],
  },
  {
    name: "records without packets",
    parts: [
      [CLIENT, packet(PRELOGIN, CLIENT_HELLO)],
      [SERVER, SERVER_FLIGHT],
    ],
    expected: [WHOLE],
  },
  {
    name: "a login in clear ends it",
    parts: [...OPENING, [CLIENT, packet(LOGIN, OPTIONS)], [CLIENT, packet(PRELOGIN, CLIENT_HELLO)]],
    expected: [],
  },
  {
    name: "packets that are cut, empty or shorter than a header",
    parts: [
      [CLIENT, packet(PRELOGIN, new Uint8Array(0))],
      [CLIENT, Uint8Array.of(PRELOGIN, 1, 0, 3, 0, 0, 1, 0)],
      [CLIENT, packet(PRELOGIN, CLIENT_HELLO.subarray(0, 60)).fill(0xff, 2, 4)],
    ],
    expected: [["TLS", CLIENT, null, null, null]],
  },
];

for (const { name, parts, expected } of CASES)
  test(`TdsReader: ${name}`, () => {
    for (const pieceBytes of [1, 2, 7, 10_000])
      assert.deepEqual(read(parts, pieceBytes).map(said), expected, `pieces of ${pieceBytes}`);
  });

test("TdsReader: within a packet octets may be lost; where one starts they may not", () => {
  const flight = packet(PRELOGIN, SERVER_FLIGHT);
  const lose = (from: number, to: number) => {
    const all: HandshakeFacts[] = [];
    const reader = new TdsReader((facts) => all.push(facts));
    const hello = packet(PRELOGIN, CLIENT_HELLO);
    reader.data(CLIENT, hello, 0, hello.length, 3);
    reader.data(SERVER, flight, 0, from, 3);
    reader.gap(SERVER, to - from);
    if (to < flight.length) reader.data(SERVER, flight, to, flight.length, 3);
    reader.gap(CLIENT, 9);
    reader.end();
    return all.map(said);
  };
  assert.deepEqual(lose(100, 120), [["TLS", CLIENT, "sql.example", "0xc02f", null]]);
  assert.deepEqual(lose(4, 20), [UNANSWERED]);
});

test("TdsReader: packets are looked at up to a limit, which is counted", () => {
  const counters = zeroTlsCounters();
  assert.deepEqual(
    read(
      Array.from({ length: 65 }, () => OPENING[0] as Part),
      10_000,
      counters,
    ),
    [],
  );
  assert.deepEqual(counters, { tlsMessagesCut: 0, tlsRecordsLost: 0, tlsHandshakesGivenUp: 1 });
});

test("startsTds: options or a TLS record in a packet of PRELOGIN", () => {
  const starts = (bytes: Uint8Array) => startsTds(bytes, 0, bytes.length);
  assert.equal(starts(packet(PRELOGIN, OPTIONS)), true);
  assert.equal(starts(packet(PRELOGIN, CLIENT_HELLO, 0)), true);
  for (const other of [
    packet(LOGIN, OPTIONS),
    packet(PRELOGIN, OPTIONS, 2),
    packet(PRELOGIN, OPTIONS).fill(1, 7, 8),
    packet(PRELOGIN, OPTIONS).fill(0xff, 2, 4),
    packet(PRELOGIN, OPTIONS).subarray(0, 12),
    packet(PRELOGIN, bytesOf("01 0011 0001 ff")),
    packet(PRELOGIN, bytesOf("16 01 0000 0000")),
    new Uint8Array(0),
  ])
    assert.equal(starts(other), false);
});

test("TdsReader: whatever comes, nothing is thrown and one record at most is made", () => {
  const content = fc.oneof(
    fc.constantFrom(OPTIONS, CLIENT_HELLO, SERVER_FLIGHT, CLIENT_HELLO.subarray(0, 30)),
    fc.uint8Array({ maxLength: 20 }),
  );
  const bytes = fc.oneof(
    content,
    fc.tuple(fc.constantFrom(PRELOGIN, TABULAR_RESULT), content).map(([type, body]) => packet(type, body)),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1), bytes), { maxLength: 80 }),
      fc.integer({ min: 1, max: 99 }),
      (parts, size) => {
        assert.ok(read(parts, size).length <= 1);
      },
    ),
    { numRuns: 200, seed: 1 },
  );
});

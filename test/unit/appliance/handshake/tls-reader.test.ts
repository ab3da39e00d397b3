import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type HandshakeFacts, UNSEEN } from "../../../../appliance/handshake/handshake-facts.ts";
import { zeroTlsCounters } from "../../../../appliance/handshake/tls-counters.ts";
import { TlsReader } from "../../../../appliance/handshake/tls-reader.ts";
import { looksLikeClientHello, looksLikeTls } from "../../../../appliance/handshake/tls-record.ts";
import { COMMON_NAME, certificate, der, namePart, UTF8 } from "./certificate-bytes.ts";
import {
  alpn,
  bytesOf,
  clientHelloBody,
  concat,
  latin1,
  message,
  record,
  serverName,
  supportedVersions,
  uint16s,
  vector,
} from "./hello-bytes.ts";

type Part = readonly [side: number, bytes: Uint8Array];

const CLIENT = 1;
const SERVER = 0;
const TIME_US = 1_700_000_000_000_000;

const LEAF = certificate({
  serial: "0abc",
  issuer: [namePart(COMMON_NAME, UTF8, latin1("CA"))],
  subject: [namePart(COMMON_NAME, UTF8, latin1("a.example"))],
  notAfter: der(0x17, latin1("310203040506Z")),
});
const CLIENT_LEAF = certificate({
  serial: "77",
  issuer: [],
  subject: [],
  notAfter: der(0x17, latin1("310203040506Z")),
});

const HELLO = message(
  1,
  clientHelloBody({
    version: 0x0303,
    cipherSuites: [0xc02f, 0x009c],
    extensions: [serverName("a.example"), alpn("h2", "http/1.1")],
  }),
);
const HELLO_1_3 = message(
  1,
  clientHelloBody({
    version: 0x0303,
    cipherSuites: [0x1301],
    extensions: [serverName("b.example"), alpn("h2"), supportedVersions(0x0304)],
  }),
);

function serverHello(version: number, cipherSuite: number, ...extensions: readonly (readonly [number, Uint8Array])[]) {
  const body = concat(uint16s([version]), new Uint8Array(32).fill(0x53), vector(1), uint16s([cipherSuite]));
  const list = extensions.map(([type, bytes]) => concat(uint16s([type]), vector(2, bytes)));
  return message(2, concat(body, Uint8Array.of(0), vector(2, ...list)));
}

function certificates(...leafs: readonly Uint8Array[]): Uint8Array {
  return message(11, vector(3, ...leafs.map((leaf) => vector(3, leaf))));
}

const DONE = message(14, new Uint8Array(0));
const ENCRYPTED = [record(20, Uint8Array.of(1)), record(22, new Uint8Array(40).fill(0xe1))];

/** TLS 1.2, with a certificate of the client, several messages in a record, and one message over two records. */
const SERVER_FLIGHT = concat(
  serverHello(0x0303, 0xc02f, alpn("http/1.1")),
  certificates(LEAF, LEAF),
  message(13, new Uint8Array(8)),
  DONE,
);
const MUTUAL: readonly Part[] = [
  [CLIENT, record(22, HELLO, 0x0301)],
  [SERVER, concat(record(22, SERVER_FLIGHT.subarray(0, 120)), record(22, SERVER_FLIGHT.subarray(120)))],
  [CLIENT, concat(record(22, concat(certificates(CLIENT_LEAF), message(16, new Uint8Array(33)))), ...ENCRYPTED)],
  [SERVER, concat(...ENCRYPTED)],
];

const NOTHING: HandshakeFacts = {
  ...UNSEEN,
  protocol: "TLS",
  clientSide: CLIENT,
  timeUs: TIME_US,
};
const OFFER = { ...NOTHING, sni: "a.example", alpn: "h2", ja4: "t12d0202h2_08dfa304a768_000000000000" };
const CERTIFICATE = {
  certSubject: "CN=a.example",
  certIssuer: "CN=CA",
  certSerial: "0abc",
  certSha256: createHash("sha256").update(LEAF).digest("hex"),
  certNotAfter: 1927857906,
};
const CHOICE = { version: "0x0303", cipher: "0xc02f", alpn: "http/1.1" };

interface Outcome {
  readonly facts: readonly HandshakeFacts[];
  /** Before `end`. */
  readonly done: boolean;
}

function read(parts: readonly Part[], feed = feedWhole): Outcome {
  const facts: HandshakeFacts[] = [];
  const reader = new TlsReader((handshake) => facts.push(handshake));
  for (const [side, bytes] of parts) feed(reader, side, bytes);
  const { done } = reader;
  reader.end();
  reader.end();
  return { facts, done };
}

function feedWhole(reader: TlsReader, side: number, bytes: Uint8Array): void {
  const block = new Uint8Array(bytes.length + 14).fill(0x16);
  block.set(bytes, 7);
  reader.data(side, block, 7, 7 + bytes.length, TIME_US);
}

const RETRY = concat(
  bytesOf("0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"),
  vector(1),
  bytesOf("130100"),
);
const V3 = record(22, concat(serverHello(0x0301, 0x0004), certificates(LEAF), DONE), 0x0301);
const SSL2_HELLO = bytesOf(`802c0103010003000000 20 000004 ${"ab".repeat(32)}`);

for (const { name, parts, expected } of [
  {
    name: "TLS 1.2 with a certificate of the client",
    parts: MUTUAL,
    expected: { facts: [{ ...OFFER, ...CHOICE, ...CERTIFICATE, clientCertSerial: "77" }], done: true },
  },
  {
    name: "TLS 1.2 that is resumed: both change cipher at once",
    parts: [
      [CLIENT, record(22, HELLO)],
      [SERVER, concat(record(22, serverHello(0x0303, 0xc02f)), ...ENCRYPTED)],
      [CLIENT, concat(...ENCRYPTED)],
    ],
    expected: { facts: [{ ...OFFER, ...CHOICE, alpn: null }], done: true },
  },
  {
    name: "TLS 1.3: over with the ServerHello; what was offered first stands for the choice",
    parts: [
      [CLIENT, record(22, HELLO_1_3)],
      [SERVER, record(22, serverHello(0x0303, 0x1301, [0x002b, uint16s([0x0304])]))],
    ],
    expected: {
      facts: [
        {
          ...NOTHING,
          sni: "b.example",
          alpn: "h2",
          ja4: "t13d0103h2_0f2cb44170f4_b9a491fefe05",
          version: "0x0304",
          cipher: "0x1301",
        },
      ],
      done: true,
    },
  },
  {
    name: "a HelloRetryRequest says what the ServerHello will",
    parts: [
      [CLIENT, record(22, HELLO_1_3)],
      [SERVER, record(22, message(2, concat(RETRY, vector(2, bytesOf("002b00020304")))))],
    ],
    expected: {
      facts: [
        {
          ...NOTHING,
          sni: "b.example",
          alpn: "h2",
          ja4: "t13d0103h2_0f2cb44170f4_b9a491fefe05",
          version: "0x0304",
          cipher: "0x1301",
        },
      ],
      done: true,
    },
  },
  {
    name: "a ClientHello in the form of SSL 2.0",
    parts: [
      [CLIENT, SSL2_HELLO],
      [SERVER, V3],
    ],
    expected: { facts: [{ ...NOTHING, ...CERTIFICATE, version: "0x0301", cipher: "0x0004" }], done: false },
  },
  {
    name: "the server alone",
    parts: [[SERVER, V3]],
    expected: { facts: [{ ...NOTHING, ...CERTIFICATE, version: "0x0301", cipher: "0x0004" }], done: false },
  },
  {
    name: "the client alone",
    parts: [[CLIENT, record(22, HELLO)]],
    expected: { facts: [OFFER], done: false },
  },
  {
    name: "a side that says something else before",
    parts: [
      [SERVER, latin1("220 ready\r\n")],
      [CLIENT, record(22, HELLO)],
      [SERVER, record(22, concat(serverHello(0x0303, 0xc02f, alpn("http/1.1")), certificates(LEAF), DONE))],
    ],
    expected: { facts: [{ ...OFFER, ...CHOICE, ...CERTIFICATE }], done: true },
  },
  { name: "encrypted from the start", parts: [[CLIENT, concat(...ENCRYPTED)]], expected: { facts: [], done: false } },
  { name: "nothing", parts: [], expected: { facts: [], done: false } },
] as const satisfies readonly { name: string; parts: readonly Part[]; expected: Outcome }[])
  test(`TlsReader: ${name}`, () => assert.deepEqual(read(parts), expected));

test("TlsReader: a whole handshake split at every place, and octet by octet", () => {
  const expected = read(MUTUAL);
  for (const [index, [, bytes]] of MUTUAL.entries())
    for (let split = 0; split <= bytes.length; split++) {
      let current = 0;
      const outcome = read(MUTUAL, (reader, side, part) => {
        const at = current++ === index ? split : 0;
        reader.data(side, part, 0, at, TIME_US);
        reader.data(side, part, at, part.length, TIME_US);
      });
      assert.deepEqual(outcome, expected, `part ${index}, octet ${split}`);
    }
  const octets = read(MUTUAL, (reader, side, bytes) => {
    for (let at = 0; at < bytes.length; at++) reader.data(side, bytes, at, at + 1, TIME_US);
  });
  assert.deepEqual(octets, expected);
});

test("TlsReader: a message a record, an octet a record", () => {
  const octetRecords = (bytes: Uint8Array) => concat(...Array.from(bytes, (octet) => record(22, Uint8Array.of(octet))));
  const { facts } = read([[CLIENT, octetRecords(HELLO)]]);
  assert.deepEqual(facts, [OFFER]);
});

test("TlsReader: a gap within a record loses a message, one over its end is caught up with at the next segment", () => {
  const facts: HandshakeFacts[] = [];
  const counters = zeroTlsCounters();
  const reader = new TlsReader((handshake) => facts.push(handshake), counters);
  const hello = record(22, HELLO);
  reader.data(CLIENT, hello, 0, hello.length - 10, TIME_US);
  reader.gap(CLIENT, 10);
  reader.gap(SERVER, 300);
  reader.data(SERVER, V3, 0, V3.length, TIME_US);
  reader.end();
  assert.equal(facts.length, 1);
  assert.equal(facts[0]?.sni, "a.example");
  assert.equal(facts[0]?.ja4, null, "of a part of a hello there is no fingerprint");
  assert.equal(facts[0]?.certSerial, "0abc");
  assert.equal(counters.tlsRecordsLost, 1);
});

test("TlsReader: one side that only sends on is not followed for ever", () => {
  const counters = zeroTlsCounters();
  const facts: HandshakeFacts[] = [];
  const reader = new TlsReader((handshake) => facts.push(handshake), counters);
  feedWhole(reader, CLIENT, record(22, HELLO));
  const data = record(23, new Uint8Array(100));
  for (let i = 0; i < 1000 && !reader.done; i++) feedWhole(reader, CLIENT, data);
  assert.ok(reader.done);
  assert.deepEqual(facts, [OFFER]);
  assert.equal(counters.tlsHandshakesGivenUp, 1);
});

test("TlsReader: a hello that is too long is cut and counted", () => {
  const counters = zeroTlsCounters();
  const facts: HandshakeFacts[] = [];
  const reader = new TlsReader((handshake) => facts.push(handshake), counters);
  const padding = [0x0015, new Uint8Array(60_000)] as const;
  const long = message(
    1,
    clientHelloBody({ version: 0x0303, cipherSuites: [1], extensions: [serverName("a.example"), padding] }),
  );
  for (let at = 0; at < long.length; at += 16_000)
    feedWhole(reader, CLIENT, record(22, long.subarray(at, at + 16_000)));
  reader.end();
  assert.deepEqual(facts, [{ ...NOTHING, sni: "a.example" }]);
  assert.equal(counters.tlsMessagesCut, 1);
});

test("TlsReader: octets changed at random, in any split, never throw, and give one handshake at most", () => {
  const change = fc.record({ part: fc.nat(MUTUAL.length - 1), at: fc.nat(500), to: fc.nat(255) });
  const length = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 5 }), length, fc.nat(20), (changes, step, gapEvery) => {
      const parts = MUTUAL.map(([side, bytes]) => [side, bytes.slice()] as const);
      for (const { part, at, to } of changes) {
        const bytes = parts[part]?.[1];
        if (bytes !== undefined && at < bytes.length) bytes[at] = to;
      }
      let count = 0;
      const { facts } = read(parts, (reader, side, bytes) => {
        for (let at = 0; at < bytes.length; at += step)
          if (gapEvery > 0 && ++count % gapEvery === 0) reader.gap(side, Math.min(step, bytes.length - at));
          else reader.data(side, bytes, at, Math.min(bytes.length, at + step), TIME_US);
      });
      assert.ok(facts.length <= 1);
    }),
    { numRuns: 500 },
  );
});

for (const { name, bytes, tls, hello } of [
  { name: "a ClientHello", bytes: record(22, HELLO), tls: true, hello: true },
  { name: "six octets of one", bytes: record(22, HELLO).subarray(0, 6), tls: true, hello: true },
  { name: "five octets of one", bytes: record(22, HELLO).subarray(0, 5), tls: true, hello: false },
  { name: "a ServerHello", bytes: V3, tls: true, hello: false },
  { name: "SSL 2.0's form", bytes: SSL2_HELLO, tls: false, hello: true },
  { name: "application data", bytes: record(23, new Uint8Array(9)), tls: true, hello: false },
  { name: "a record that is too long", bytes: bytesOf("170303ffff00"), tls: false, hello: false },
  { name: "text", bytes: latin1("GET / HTTP/1.1\r\n\r\n"), tls: false, hello: false },
  { name: "nothing", bytes: new Uint8Array(0), tls: false, hello: false },
])
  test(`looksLikeTls, looksLikeClientHello: ${name}`, () => {
    assert.equal(looksLikeTls(bytes, 0, bytes.length), tls);
    assert.equal(looksLikeClientHello(bytes, 0, bytes.length), hello);
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import { Allowance, ReaderBudget, zeroBudgetCounters } from "../../../../appliance/decode/reader-budget.ts";
import type { StreamReader } from "../../../../appliance/decode/stream-reader.ts";
import { PieceBuffer } from "../../../../appliance/handshake/piece-buffer.ts";
import { zeroSshCounters } from "../../../../appliance/handshake/ssh-counters.ts";
import { SshReader } from "../../../../appliance/handshake/ssh-reader.ts";
import { zeroTlsCounters } from "../../../../appliance/handshake/tls-counters.ts";
import { TlsReader } from "../../../../appliance/handshake/tls-reader.ts";
import { HttpReader } from "../../../../appliance/http/http-reader.ts";
import { type HttpTransaction, zeroHttpCounters } from "../../../../appliance/http/http-transaction.ts";
import { Http2Reader } from "../../../../appliance/http/http2-reader.ts";
import { zeroCounters } from "../../../../appliance/session/engine-counters.ts";
import { SessionReaders } from "../../../../appliance/session/session-readers.ts";
import { bytesOf } from "../../../support/decode-hex.ts";
import { COMMON_NAME, certificate, der, namePart, UTF8 } from "../handshake/certificate-bytes.ts";
import { clientHelloBody, concat, latin1, message, record, serverName } from "../handshake/hello-bytes.ts";

type Part = readonly [side: number, bytes: Uint8Array];

/** Feeds a reader that has so much room, and says what was counted; it has given all back at its end. */
function read(maxBytes: number, parts: readonly Part[], make: (allowance: Allowance) => StreamReader): number {
  const counters = zeroBudgetCounters();
  const reader = make(new Allowance(new ReaderBudget(maxBytes, counters)));
  for (const [side, bytes] of parts) {
    reader.data(side, bytes, 0, bytes.length, 1);
    assert.ok(counters.readerBytes <= maxBytes);
  }
  reader.end();
  assert.equal(counters.readerBytes, 0);
  return counters.readersNoRoom;
}

const said = ({ method, uri, host, status }: HttpTransaction) => `${method} ${uri} ${host} ${status}`;
const text = (side: number, characters: string): Part => [side, latin1(characters)];

test("Allowance: what one reader holds, another can't, until it is given back", () => {
  const counters = zeroBudgetCounters();
  const budget = new ReaderBudget(100, counters);
  const [first, second] = [new Allowance(budget), new Allowance(budget)];
  assert.ok(first.take(60));
  assert.ok(second.take(40));
  assert.equal(second.take(1), false);
  first.give(10);
  assert.ok(second.take(10));
  first.giveAll();
  first.giveAll();
  assert.deepEqual(counters, { readerBytes: 50, readersNoRoom: 1 });
});

const GET = "GET /a HTTP/1.1\r\nHost: h\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const HEAD_CASES: readonly (readonly [
  name: string,
  maxBytes: number,
  parts: Part[],
  found: string[],
  noRoom: number,
])[] = [
  ["room for all", 1000, [text(0, GET), text(0, "\r\n"), text(1, OK)], ["GET /a h 200"], 0],
  // no head can be kept, and no request until its response
  ["none", 0, [text(0, GET), text(0, "\r\n"), text(1, OK)], ["GET /a h null"], 2],
  ["none: a request that comes whole", 0, [text(0, `${GET}\r\n`), text(1, OK)], ["GET /a h null"], 1],
  [
    "none: the answers of others are still theirs",
    300,
    [text(0, `${GET}\r\n${GET.replace("/a", "/b")}\r\n`), text(1, OK + OK)],
    ["GET /b h null", "GET /a h 200"],
    1,
  ],
  [
    "a head that grows beyond it",
    700,
    [text(0, `${GET}X: `), text(0, "x".repeat(600)), text(1, OK)],
    ["GET /a h null"],
    2,
  ],
];

for (const [name, maxBytes, parts, expected, noRoom] of HEAD_CASES)
  test(`HttpReader, ${name}`, () => {
    const found: string[] = [];
    const sink = (one: HttpTransaction) => found.push(said(one));
    assert.equal(
      read(maxBytes, parts, (allowance) => new HttpReader(sink, zeroHttpCounters(), allowance)),
      noRoom,
    );
    assert.deepEqual(found, expected);
  });

const CONNECTION = latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
/** Puts `:authority: h` into the table; the second refers to it. */
const FIRST = bytesOf("000006 01 05 00000001 828684 41 01 68");
const SECOND = bytesOf("000004 01 05 00000003 828684 be");
/** The same as the first, in two parts. */
const HALVES = bytesOf("000003 01 01 00000005 828684 000003 09 04 00000005 41 01 68");
const ANSWER = bytesOf("000001 01 05 00000001 88");

const TABLE_CASES: readonly (readonly [
  name: string,
  maxBytes: number,
  octets: Uint8Array[],
  found: string[],
  noRoom: number,
])[] = [
  ["room for all", 2000, [FIRST, SECOND], ["GET / h 200", "GET / h null"], 0],
  ["none", 0, [FIRST, SECOND], ["GET / h null", "GET / null null"], 3],
  // an entry takes 97 octets, a request 256 and its texts
  ["none for the table", 96, [FIRST, SECOND], ["GET / h null", "GET / null null"], 3],
  ["none for requests", 97, [FIRST, SECOND], ["GET / h null", "GET / h null"], 2],
  ["none for a block in parts", 0, [HALVES], [], 2],
];

for (const [name, maxBytes, blocks, expected, noRoom] of TABLE_CASES)
  test(`Http2Reader, ${name}`, () => {
    const found: string[] = [];
    const sink = (one: HttpTransaction) => found.push(said(one));
    const parts: Part[] = [[0, CONNECTION], ...blocks.map((bytes): Part => [0, bytes]), [1, ANSWER]];
    assert.equal(
      read(maxBytes, parts, (allowance) => new Http2Reader(sink, zeroHttpCounters(), allowance)),
      noRoom,
    );
    assert.deepEqual(found, expected);
  });

test("TlsReader: of what there is no room for nothing is known", () => {
  const hello = record(
    22,
    message(1, clientHelloBody({ version: 0x0303, cipherSuites: [1], extensions: [serverName("a.example")] })),
  );
  const leaf = certificate({
    serial: "0abc",
    issuer: [],
    subject: [namePart(COMMON_NAME, UTF8, latin1("a.example"))],
    notAfter: der(0x17, latin1("310203040506Z")),
  });
  const length = (count: number) => Uint8Array.of(0, count >> 8, count & 0xff);
  const list = concat(length(leaf.length + 3), length(leaf.length), leaf);
  const shown = record(22, message(11, list));
  const facts = (maxBytes: number, certificateParts: Part[]) => {
    const seen: (string | null)[] = [];
    const noRoom = read(
      maxBytes,
      [[0, hello], ...certificateParts],
      (allowance) => new TlsReader(({ sni, certSerial }) => seen.push(sni, certSerial), zeroTlsCounters(), allowance),
    );
    return [...seen, noRoom];
  };
  const parts: Part[] = [
    [1, shown.subarray(0, 50)],
    [1, shown.subarray(50)],
  ];
  assert.deepEqual(facts(5000, parts), ["a.example", "0abc", 0]);
  assert.deepEqual(facts(0, parts), ["a.example", null, 1]);
  assert.deepEqual(facts(0, [[1, shown]]), ["a.example", null, 1]);
});

test("SshReader: a side for which there is no room is given up", () => {
  const counters = zeroSshCounters();
  const banners: (string | null)[] = [];
  const noRoom = read(
    22,
    [text(0, "SSH-2.0-a\r\n"), text(1, "SSH-2.0-b"), text(1, "\r\n")],
    (allowance) =>
      new SshReader(
        ({ clientBanner, serverBanner }) => banners.push(clientBanner, serverBanner),
        0,
        counters,
        allowance,
      ),
  );
  assert.deepEqual([banners, noRoom, counters.sshSidesGivenUp], [["SSH-2.0-a", null], 1, 1]);
});

test("PieceBuffer: what there is no room for is dropped", () => {
  const counters = zeroBudgetCounters();
  const pieces = new PieceBuffer(16_384, new Allowance(new ReaderBudget(2048, counters)));
  assert.equal(pieces.add(0, new Uint8Array(2000)), 0);
  assert.equal(pieces.add(2000, new Uint8Array(100)), 100);
  assert.equal(pieces.contiguousBytes, 2000);
  pieces.clear();
  assert.deepEqual(counters, { readerBytes: 0, readersNoRoom: 1 });
});

test("SessionReaders: a handshake of OpenVPN over TCP that begins anew gives nothing back twice", () => {
  const counters = zeroCounters();
  const target = { http: () => {}, handshake: () => {}, openerOf: () => 0 };
  const readers = new SessionReaders(2, 1 << 20, target, counters);
  const reset = (opcode: number, session: number) =>
    concat(Uint8Array.of(0, 14, opcode << 3, session), new Uint8Array(12));
  const parts: Part[] = [
    [0, reset(7, 1)],
    [1, reset(8, 2)],
    [0, Uint8Array.of(0x10, 0, 0)], // the first octet of a packet of 4,096
    [1, reset(8, 3)],
    [0, new Uint8Array(4095)],
  ];
  const kept = parts.map(([side, bytes]) => {
    readers.data(1, side, bytes, 0, bytes.length, 1);
    return counters.readerBytes;
  });
  assert.deepEqual(kept, [0, 0, 4096, 4096, 0]);
  readers.end(1);
  assert.equal(counters.readerBytes, 0);
});

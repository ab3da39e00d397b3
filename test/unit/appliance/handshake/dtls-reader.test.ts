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

test("DtlsReader: messages are read in the order of their numbers; limits are counted", () => {
  const { reader, facts, counters, give } = harness();
  const done = new Uint8Array(0);
  give(SERVER, fragment(14, 1, done, 0, 0)); // ServerHelloDone waits for what is before it
  give(CLIENT, fragment(1, 0, HELLO, 0, HELLO.length));
  assert.equal(reader.done, false);
  give(SERVER, fragment(3, 0, new Uint8Array(3), 0, 3));
  assert.equal(reader.done, true);
  assert.deepEqual(
    facts.map(({ sni }) => sni),
    ["box.example"],
  );
  const other = harness();
  other.give(CLIENT, fragment(1, 99, HELLO, 0, HELLO.length));
  assert.equal(other.counters.dtlsBytesDropped, HELLO.length);
  for (let i = 0; i < 200; i++) other.give(SERVER, Uint8Array.of(1, 2, 3));
  assert.deepEqual(
    [other.reader.done, other.counters.dtlsHandshakesGivenUp, counters.dtlsHandshakesGivenUp],
    [true, 1, 0],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { CLIENT, finalsOf, harness, OK, REQUEST, SERVER } from "../../../support/engine-harness.ts";
import { ACK, SYN, tcpPacket, udpPacket } from "../../../support/ip-packets.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

test("Engine: a request is reported once, and pipelined ones each", () => {
  const h = harness();
  const two = `${REQUEST}GET /y HTTP/1.1\r\n\r\n`;
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: REQUEST }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: REQUEST }));
  h.feed(tcpPacket({ ...CLIENT, sequence: 1 + REQUEST.length, payload: two }));
  h.engine.finish();
  assert.deepEqual(
    h.requests.map(({ uri }) => uri),
    ["/x", "/x", "/y"],
  );
});

test("Engine: requests and responses split over segments in any order, each with its status", () => {
  const h = harness();
  const request = `${REQUEST}POST /y HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc`;
  const response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
  const random = new SeededRandom(7);
  for (const [ends, first, text] of [
    [CLIENT, 1000, request],
    [SERVER, 0xffff_fff0, response],
  ] as const) {
    h.feed(tcpPacket({ ...ends, flags: ends === CLIENT ? SYN : SYN | ACK, sequence: first - 1 }));
    const segments = Array.from({ length: Math.ceil(text.length / 7) }, (_, i) => i * 7);
    segments.sort(() => (random.below(2) === 0 ? -1 : 1));
    for (const at of segments)
      h.feed(tcpPacket({ ...ends, sequence: (first + at) >>> 0, payload: text.slice(at, at + 9) }));
  }
  h.engine.finish();
  assert.deepEqual(
    h.requests.map(({ method, uri, status }) => [method, uri, status]),
    [
      ["GET", "/x", 200],
      ["POST", "/y", 404],
    ],
  );
  assert.equal(h.engine.counters.gapBytes, 0);
  assert.ok(h.engine.counters.segmentsHeld > 0);
});

/** Payloads of segments, each side's behind each other, and "METHOD target status" of the requests. */
const STREAMS: readonly [name: string, segments: readonly (readonly [typeof CLIENT, string])[], expected: string[]][] =
  [
    [
      "a request an octet a segment",
      [...[...REQUEST].map((octet) => [CLIENT, octet] as const), [SERVER, OK]],
      ["GET /x 200"],
    ],
    [
      "a target with spaces, split there",
      [
        [CLIENT, "GET /a b"],
        [CLIENT, " c HTTP/1.1\r\n\r\n"],
        [SERVER, OK],
      ],
      ["GET /a b c 200"],
    ],
    [
      "behind a proxy's line",
      [
        [CLIENT, `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${REQUEST}`],
        [SERVER, OK],
      ],
      ["GET /x 200"],
    ],
    [
      "behind SOCKS 4",
      [
        [CLIENT, "\x04\x01\0\x50\x0a\0\0\x01\0"],
        [SERVER, "\0\x5a\0\0\0\0\0\0"],
        [CLIENT, REQUEST],
        [SERVER, OK],
      ],
      ["GET /x 200"],
    ],
    [
      "HTTP/2 by prior knowledge, and within a tunnel",
      [
        [CLIENT, "CONNECT h:80 HTTP/1.1\r\n\r\n"],
        [SERVER, "HTTP/1.1 200 OK\r\n\r\n"],
        [CLIENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"],
        [SERVER, "\0\0\0\x04\0\0\0\0\0"],
        [CLIENT, "\0\0\x03\x01\x05\0\0\0\x01\x82\x86\x84"],
        [SERVER, "\0\0\x01\x01\x05\0\0\0\x01\x88"],
      ],
      ["CONNECT h:80 200", "GET / 200"],
    ],
    ["HTTP/2 that is met midway", [[CLIENT, "\0\0\x03\x01\x05\0\0\0\x07\x82\x86\x84"]], ["GET / null"]],
    [
      "text that is no request",
      [
        [CLIENT, "G"],
        [CLIENT, "REETINGS all\r\n"],
        [SERVER, "SEARCH me not\r\n"],
      ],
      [],
    ],
  ];

for (const [name, segments, expected] of STREAMS)
  test(`Engine: requests: ${name}`, () => {
    const h = harness();
    const next = new Map([
      [CLIENT, 1],
      [SERVER, 1],
    ]);
    for (const [ends, payload] of segments) {
      const sequence = next.get(ends) ?? 1;
      h.feed(tcpPacket({ ...ends, sequence, payload }));
      next.set(ends, sequence + payload.length);
    }
    h.engine.finish();
    assert.deepEqual(
      h.requests.map(({ method, uri, status }) => `${method} ${uri} ${status}`),
      expected,
    );
  });

test("Engine: a session of HTTP/2 is named so", () => {
  const h = harness();
  h.feed(tcpPacket({ ...CLIENT, sequence: 1, payload: "\0\0\x03\x01\x05\0\0\0\x07\x82\x86\x84" }));
  assert.deepEqual(
    finalsOf(h).map(({ protocol }) => protocol),
    ["HTTP/2"],
  );
});

test("Engine: HTTP over UDP, a message a datagram; SIP is none", () => {
  const h = harness();
  const asks = { from: "10.0.0.9", fromPort: 40_000, to: "239.255.255.250", toPort: 1900 };
  h.feed(udpPacket({ ...asks, payload: "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\n\r\n" }));
  h.feed(udpPacket({ ...SERVER, payload: "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n" }));
  h.feed(udpPacket({ ...SERVER, payload: "OPTIONS sip:a@h SIP/2.0\r\n\r\n" }));
  h.feed(udpPacket({ ...SERVER, payload: "GET /x\r\n" }));
  assert.deepEqual(finalsOf(h).map(({ protocol }) => protocol)[0], "SSDP");
  assert.deepEqual(
    h.requests.map((r) => [r.src_ip, r.dst_port, r.method, r.uri, r.host, r.status]),
    [["10.0.0.9", 1900, "M-SEARCH", "*", "239.255.255.250:1900", null]],
  );
});

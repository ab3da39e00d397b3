import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HttpReader } from "../../../../appliance/http/http-reader.ts";
import { type HttpTransaction, zeroHttpCounters } from "../../../../appliance/http/http-transaction.ts";
import { startsHttp2 } from "../../../../appliance/http/http2-frame.ts";
import { BLOCK_MAX_BYTES, Http2Reader, OPEN_MAX_BYTES, STREAMS_MAX } from "../../../../appliance/http/http2-reader.ts";
import { bytesOf } from "../../../support/decode-hex.ts";
import { http2Dialogue, statusOf, type Written } from "../../../support/http2-dialogue.ts";

/** A part of a dialogue; a number stands for so many octets that are lost. */
type Part = readonly [side: number, bytes: Uint8Array | number];

const END_HEADERS = 0x04;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const SETTINGS = frame(4, 0, 0, "");
/** GET / and GET /index.html, www.example.com put into the table by the first; status 200. RFC 7541, appendix C.3. */
const GET_HEX = "828684410f7777772e6578616d706c652e636f6d";
const GET_AGAIN_HEX = "828685be";
const OK_HEX = "88";

function frame(type: number, flags: number, streamId: number, payload: string | Uint8Array): Uint8Array {
  const octets = typeof payload === "string" ? bytesOf(payload) : payload;
  const { length } = octets;
  const id = [streamId >>> 24, streamId >>> 16, streamId >>> 8, streamId];
  return Uint8Array.from([length >> 16, length >> 8, length, type, flags, ...id, ...octets]);
}

function headers(streamId: number, hex: string, flags = END_HEADERS): Uint8Array {
  return frame(1, flags, streamId, hex);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const textOf = ({ side, method, uri, status, version, host }: HttpTransaction) =>
  `${side} ${method} ${uri} ${version} ${host} ${status}`;

/** Of each request, in the order of the reports. */
function read(
  parts: readonly Part[],
  counters = zeroHttpCounters(),
  makeReader: (sink: (one: HttpTransaction) => void) => Http2Reader | HttpReader = (sink) =>
    new Http2Reader(sink, counters),
): string[] {
  const found: HttpTransaction[] = [];
  const reader = makeReader((one) => found.push(one));
  parts.forEach(([side, bytes], i) => {
    if (typeof bytes === "number") reader.gap(side, bytes);
    else reader.data(side, bytes, 0, bytes.length, i);
  });
  reader.end();
  return found.map(textOf);
}

const overHttp1 = (parts: readonly Part[]) => read(parts, zeroHttpCounters(), (sink) => new HttpReader(sink));

const FIRST = "0 GET / HTTP/2 www.example.com";
const CLIENT = join(PREFACE, SETTINGS, headers(1, GET_HEX), headers(3, GET_AGAIN_HEX));
const SERVER = join(SETTINGS, headers(3, OK_HEX), frame(0, 0, 3, "0102"), headers(1, "8d"));
const SECOND = "0 GET /index.html HTTP/2 www.example.com";

const DIALOGUES: readonly [name: string, parts: readonly Part[], expected: readonly string[]][] = [
  [
    "responses in another order",
    [
      [0, CLIENT],
      [1, SERVER],
    ],
    [`${SECOND} 200`, `${FIRST} 404`],
  ],
  ["the client only", [[0, CLIENT]], [`${FIRST} null`, `${SECOND} null`]],
  ["the server only", [[1, SERVER]], []],
  [
    "padding, priority, CONTINUATION, an empty one too",
    [
      [
        0,
        join(
          PREFACE,
          SETTINGS,
          frame(1, 0x28, 1, `03${"00000000ff"}8286${"000000"}`),
          frame(9, 0, 1, ""),
          frame(9, END_HEADERS, 1, "84410f7777772e6578616d706c652e636f6d"),
          headers(3, `02${GET_AGAIN_HEX}0000`, 0x0c),
        ),
      ],
    ],
    [`${FIRST} null`, `${SECOND} null`],
  ],
  [
    "interim responses and trailers",
    [
      [0, CLIENT],
      [1, join(SETTINGS, headers(1, "4803313033"), headers(1, OK_HEX), headers(1, "000161016 2".replace(" ", "")))],
    ],
    [`${FIRST} 200`, `${SECOND} null`],
  ],
  [
    "a stream that is reset by either side",
    [
      [0, join(CLIENT, frame(3, 0, 1, "00000008"))],
      [1, join(SETTINGS, frame(3, 0, 3, "00000008"), headers(1, OK_HEX))],
    ],
    [`${FIRST} null`, `${SECOND} null`],
  ],
  [
    "a push is answered to the other side",
    [
      [0, join(PREFACE, SETTINGS)],
      [1, join(SETTINGS, frame(5, END_HEADERS, 1, `00000002${GET_HEX}`), headers(2, OK_HEX))],
    ],
    [`${FIRST} 200`],
  ],
  [
    "CONNECT, and with :protocol",
    [
      [
        0,
        join(
          PREFACE,
          SETTINGS,
          headers(1, "4207434f4e4e4543544104683a3232"),
          headers(3, `bf00093a70726f746f636f6c09776562736f636b657484be`),
        ),
      ],
    ],
    ["0 CONNECT h:22 HTTP/2 h:22 null", "0 CONNECT / HTTP/2 h:22 null"],
  ],
  [
    "no request: no method, no path, a method that is none",
    [
      [
        0,
        join(
          PREFACE,
          SETTINGS,
          headers(1, "84"),
          headers(3, "82"),
          headers(5, "0207474554202f20"),
          headers(7, "02024120 84"),
        ),
      ],
    ],
    [],
  ],
  [
    "frames of unknown types and settings are passed over",
    [[0, join(PREFACE, frame(4, 0, 0, "000100010000"), frame(0xbb, 0xff, 7, "010203"), headers(1, GET_HEX))]],
    [`${FIRST} null`],
  ],
  [
    "padding that is longer than the payload",
    [[0, join(PREFACE, SETTINGS, headers(1, `ff${GET_HEX}`, 0x0c), headers(3, "828684"))]],
    ["0 GET / HTTP/2 null null"],
  ],
  [
    "another frame where a block goes on",
    [
      [0, join(PREFACE, SETTINGS, headers(1, GET_HEX, 0), headers(3, "828685"))],
      [0, headers(5, "828685")],
    ],
    [`${FIRST} null`, "0 GET /index.html HTTP/2 null null"],
  ],
];

for (const [name, parts, expected] of DIALOGUES) {
  test(`Http2Reader: ${name}`, () => assert.deepEqual(read(parts), expected));
  if (parts.length > 1 && parts[0]?.[0] === parts[1]?.[0]) continue; // the split between them has a meaning
  test(`Http2Reader: ${name}, octet by octet`, () =>
    assert.deepEqual(
      read(parts.flatMap(([side, bytes]) => [...(bytes as Uint8Array)].map((o): Part => [side, Uint8Array.of(o)]))),
      expected,
    ));
}

const BODY = new Uint8Array(100);
const LOSSES: readonly [name: string, parts: readonly Part[], expected: readonly string[]][] = [
  [
    "octets of DATA",
    [
      [0, join(CLIENT, frame(0, 0, 1, BODY).subarray(0, 20))],
      [0, 89],
      [0, headers(5, GET_AGAIN_HEX)],
    ],
    [`${FIRST} null`, `${SECOND} null`, `${SECOND} null`],
  ],
  [
    "frames: the table is lost, what stands by itself is read",
    [
      [0, CLIENT],
      [0, 500],
      [0, join(headers(7, GET_AGAIN_HEX), headers(9, GET_HEX), headers(11, GET_AGAIN_HEX))],
    ],
    [`${FIRST} null`, `${SECOND} null`, "0 GET /index.html HTTP/2 null null", `${FIRST} null`, `${SECOND} null`],
  ],
  [
    "the end of a block",
    [
      [0, join(PREFACE, SETTINGS, headers(1, GET_HEX).subarray(0, 13))],
      [0, 16],
    ],
    ["0 GET / HTTP/2 null null"],
  ],
  [
    "frames, then a segment that starts within one",
    [
      [0, CLIENT],
      [0, 500],
      [0, join(headers(5, GET_HEX).subarray(1), headers(7, GET_HEX))],
      [0, headers(9, GET_HEX)],
    ],
    [`${FIRST} null`, `${SECOND} null`, `${FIRST} null`],
  ],
  [
    "the start: responses find their requests by stream",
    [
      [0, headers(5, GET_AGAIN_HEX)],
      [1, headers(5, `${OK_HEX}be`)],
    ],
    ["0 GET /index.html HTTP/2 null 200"],
  ],
];
for (const [name, parts, expected] of LOSSES)
  test(`Http2Reader: lost: ${name}`, () => assert.deepEqual(read(parts), expected));

const text = (value: string) => Uint8Array.from(Buffer.from(value, "latin1"));
const UPGRADE = text(
  "GET /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n",
);
const SWITCH = text("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");

const UPGRADES: readonly [name: string, parts: readonly Part[], expected: readonly string[]][] = [
  [
    "each request once, the first with the status of stream 1",
    [
      [0, UPGRADE],
      [1, join(SWITCH, SETTINGS, headers(1, "8d"))],
      [0, join(PREFACE, SETTINGS, headers(3, GET_HEX))],
      [1, headers(3, OK_HEX)],
    ],
    ["0 GET /u HTTP/1.1 h 404", `${FIRST} 200`],
  ],
  [
    "the client only",
    [
      [0, UPGRADE],
      [0, CLIENT],
    ],
    ["0 GET /u HTTP/1.1 h null", `${FIRST} null`, `${SECOND} null`],
  ],
  [
    "another protocol",
    [
      [0, UPGRADE],
      [1, text("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")],
      [0, CLIENT],
    ],
    ["0 GET /u HTTP/1.1 h 101"],
  ],
  [
    "behind requests of HTTP/1.1",
    [
      [0, text("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")],
      [1, text("HTTP/1.1 204 No Content\r\n\r\n")],
      [0, CLIENT],
      [1, SERVER],
    ],
    ["0 GET /1 HTTP/1.1 h 204", `${SECOND} 200`, `${FIRST} 404`],
  ],
];
for (const [name, parts, expected] of UPGRADES) {
  test(`HttpReader: upgrade to HTTP/2: ${name}`, () => assert.deepEqual(overHttp1(parts), expected));
  test(`HttpReader: upgrade to HTTP/2: ${name}, octet by octet`, () =>
    assert.deepEqual(
      overHttp1(
        parts.flatMap(([side, bytes]) => [...(bytes as Uint8Array)].map((o): Part => [side, Uint8Array.of(o)])),
      ),
      expected,
    ));
}

test("Http2Reader: what client and server of node:http2 say", async () => {
  const paths = Array.from({ length: 60 }, (_, i) => `/p/${i}?q=${"x".repeat(i)}`);
  const agent = "agent/1";
  const written: readonly Written[] = await http2Dialogue(
    (stream, { ":path": path }) => {
      stream.respond({ ":status": String(path).length % 2 === 0 ? 200 : 404, "x-long": "y".repeat(20_000) });
      stream.end("z".repeat(50_000));
    },
    async (client) => {
      for (const path of paths) {
        const more = { "user-agent": agent, referer: `http://h.test${path}`, cookie: "c".repeat(300) };
        const status = await statusOf(client, { ":path": path, ...more });
        assert.equal(status, path.length % 2 === 0 ? 200 : 404);
      }
      await statusOf(client, { ":method": "POST", ":path": "/post" }, new Uint8Array(40_000));
    },
  );
  const expected = [...paths.map((path) => `0 GET ${path}`), "0 POST /post"].map(
    (line) => `${line} HTTP/2 h.test:80 ${line.slice(line.indexOf("/")).length % 2 === 0 ? 200 : 404}`,
  );
  assert.deepEqual(read(written), expected);
  for (const size of [1, 7, 1000])
    assert.deepEqual(
      read(
        written.flatMap(([side, bytes]) =>
          Array.from(
            { length: Math.ceil(bytes.length / size) },
            (_, i): Part => [side, bytes.subarray(i * size, (i + 1) * size)],
          ),
        ),
      ),
      expected,
      `${size}`,
    );
});

test("startsHttp2", () => {
  const starts = (bytes: Uint8Array) => startsHttp2(bytes, 0, bytes.length);
  assert.ok(starts(PREFACE));
  assert.ok(starts(PREFACE.subarray(0, 10)));
  assert.ok(starts(join(frame(8, 0, 0, "00001000"), headers(5, GET_AGAIN_HEX))));
  assert.ok(!starts(PREFACE.subarray(0, 3)));
  assert.ok(!starts(text("PRI * HTTP/1.0\r\n")));
  assert.ok(!starts(SETTINGS));
  assert.ok(!starts(headers(5, OK_HEX)));
  assert.ok(!starts(headers(5, "82")));
  assert.ok(!starts(headers(5, "828480")));
  assert.ok(!starts(new Uint8Array(100)));
});

test("Http2Reader: floods are bounded and counted", () => {
  const counters = zeroHttpCounters();
  const opened = Array.from({ length: STREAMS_MAX + 5 }, (_, i) => headers(2 * i + 1, "828684"));
  assert.equal(read([[0, join(PREFACE, SETTINGS, ...opened)]], counters).length, STREAMS_MAX + 5);
  assert.deepEqual(counters, { httpPendingDropped: 5, httpHeadsCut: 0, hpackTablesCut: 0 });

  const path = `047fa11e${"2f".repeat(4000)}`; // a path of 4,000 octets, not put into the table
  const long = Array.from({ length: 20 }, (_, i) => headers(2 * i + 1, `8286${path}`));
  assert.equal(read([[0, join(PREFACE, SETTINGS, ...long)]], counters).length, 20);
  assert.equal(counters.httpPendingDropped, 5 + 20 - Math.floor(OPEN_MAX_BYTES / 4003));

  const part = frame(9, 0, 1, new Uint8Array(1000).fill(0x86));
  const flood = Array.from({ length: 100 }, (): Part => [0, part]);
  const parts: Part[] = [
    [0, join(PREFACE, SETTINGS, headers(1, GET_HEX, 0))],
    ...flood,
    [0, frame(9, END_HEADERS, 1, "")],
  ];
  assert.deepEqual(read([...parts, [0, headers(3, "828685be")]], counters), [
    `${FIRST} null`,
    "0 GET /index.html HTTP/2 null null",
  ]);
  assert.equal(counters.httpHeadsCut, 1);
  assert.ok(BLOCK_MAX_BYTES < 100_000);
});

test("Http2Reader: any octets, in any order, with any loss", () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(CLIENT, SERVER, SETTINGS, Uint8Array.from(PREFACE), headers(5, GET_AGAIN_HEX)),
    fc
      .tuple(fc.nat(12), fc.nat(255), fc.nat(9), fc.uint8Array({ maxLength: 40 }))
      .map(([type, flags, id, payload]) => frame(type, flags, id, payload)),
  );
  const part = fc.tuple(fc.nat(1), fc.oneof({ weight: 6, arbitrary: octets }, { weight: 1, arbitrary: fc.nat(200) }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      for (const line of read(parts)) assert.match(line, /^[01] [!-~]+ .+ HTTP\/2 .* (null|[2-9]\d\d)$/s);
    }),
  );
});

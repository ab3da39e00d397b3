import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ownAllowance } from "../../../../appliance/decode/reader-budget.ts";
import { HEAD_MAX_BYTES, HttpReader, PENDING_MAX } from "../../../../appliance/http/http-reader.ts";
import { type HttpTransaction, zeroHttpCounters } from "../../../../appliance/http/http-transaction.ts";

type Part = readonly [side: number, text: string];

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** "side METHOD target status" of each request, in the order of the reports. */
function read(parts: readonly Part[], lost: readonly [at: number, side: number, count: number][] = []): string[] {
  const found: HttpTransaction[] = [];
  const reader = new HttpReader((one) => found.push(one));
  parts.forEach(([side, text], i) => {
    for (const [at, lostSide, count] of lost) if (at === i) reader.gap(lostSide, count);
    const bytes = bytesOf(text);
    reader.data(side, bytes, 0, bytes.length, i);
  });
  reader.end();
  return found.map(({ side, method, uri, status }) => `${side} ${method} ${uri} ${status}`);
}

const GET = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

const DIALOGUES: readonly [name: string, parts: readonly Part[], expected: readonly string[]][] = [
  [
    "request and response",
    [
      [0, GET],
      [1, OK],
    ],
    ["0 GET /a 200"],
  ],
  [
    "pipelined, a body by length, bare line feeds",
    [
      [1, `POST /p HTTP/1.1\nContent-Length: 5\n\nab cd${GET}`],
      [
        0,
        `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nT: r\r\n\r\n${OK}`,
      ],
    ],
    ["1 POST /p 201", "1 GET /a 200"],
  ],
  [
    "no body after HEAD, 204 and 304",
    [
      [0, `HEAD /h HTTP/1.1\r\n\r\n${GET}${GET}${GET}`],
      [1, `HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No\r\n\r\nHTTP/1.1 304 Not\r\n\r\n${OK}`],
    ],
    ["0 HEAD /h 200", "0 GET /a 204", "0 GET /a 304", "0 GET /a 200"],
  ],
];

for (const [name, parts, expected] of DIALOGUES) {
  test(`HttpReader: ${name}`, () => assert.deepEqual(read(parts), expected));
  test(`HttpReader: ${name}, split anywhere`, () => {
    parts.forEach(([side, text], part) => {
      for (let at = 1; at < text.length; at++) {
        const split: Part[] = [...parts];
        split.splice(part, 1, [side, text.slice(0, at)], [side, text.slice(at)]);
        assert.deepEqual(read(split), expected, `part ${part} at ${at}`);
      }
    });
  });
}

test("HttpReader: one octet at a time", () => {
  for (const [, parts, expected] of DIALOGUES)
    assert.deepEqual(read(parts.flatMap(([side, text]) => [...text].map((c): Part => [side, c]))), expected);
});

test("HttpReader: what others see in a body of which two lengths are said", () => {
  const text = `POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 99\r\n\r\nx=1POST /b HTTP/1.1\r\nContent-Length: 90\r\n\r\ny=2${GET}`;
  assert.deepEqual(read([[0, text]]), ["0 POST /a null", "0 POST /b null", "0 GET /a null"]);
});

test("HttpReader: a chunk that starts with a request within a body, and after a gap", () => {
  const post = "POST /p HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc";
  assert.deepEqual(
    read([
      [0, post],
      [0, GET],
    ]),
    ["0 POST /p null", "0 GET /a null"],
  );
  assert.deepEqual(
    read(
      [
        [0, "GET /cut HTTP/1.1\r\nHost: "],
        [0, GET],
        [1, OK],
      ],
      [[1, 0, 50]],
    ),
    ["0 GET /cut 200", "0 GET /a null"],
  );
});

test("HttpReader: more than the limits", () => {
  const counters = zeroHttpCounters();
  const found: HttpTransaction[] = [];
  const reader = new HttpReader((one) => found.push(one), counters);
  const many = bytesOf(GET.repeat(PENDING_MAX + 1));
  reader.data(0, many, 0, many.length, 0);
  assert.equal(found.length, 1);
  const head = bytesOf(`GET /long HTTP/1.1\r\nX: ${"x".repeat(HEAD_MAX_BYTES)}`);
  reader.data(0, head, 0, head.length, 0);
  reader.end();
  assert.equal(found.at(-1)?.uri, "/long");
  assert.deepEqual(counters, { httpPendingDropped: 2, httpHeadsCut: 1, hpackTablesCut: 0 });
});

test("HttpReader: CONNECT hands what follows to the tunnel's reader", () => {
  const found: string[] = [];
  const inner = new HttpReader(({ uri }) => found.push(`inner ${uri}`));
  const outer = new HttpReader(
    ({ uri, status }) => found.push(`${uri} ${status}`),
    zeroHttpCounters(),
    ownAllowance(),
    () => inner,
  );
  for (const [side, text] of [
    [0, "CONNECT h:80 HTTP/1.1\r\n\r\n"],
    [1, "HTTP/1.1 200 Go\r\n\r\n"],
    [0, GET],
  ] as const) {
    const bytes = bytesOf(text);
    outer.data(side, bytes, 0, bytes.length, 0);
  }
  outer.end();
  assert.deepEqual(found, ["h:80 200", "inner /a"]);
});

test("HttpReader: hostile octets never throw, and nothing is reported twice", () => {
  const piece = fc.constantFrom(
    GET,
    OK,
    "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "ff\r\n",
    "\r\n",
    "\0\xff",
    "HTTP/1.1 1",
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1), fc.oneof(piece, fc.string()))), (parts) => {
      const sent = parts.map(([, text]) => text).join("");
      assert.ok(read(parts).length <= sent.split(" ").length);
    }),
  );
});

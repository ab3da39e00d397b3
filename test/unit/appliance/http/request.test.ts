import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHttpRequest, type HttpRequest, mayBeRequest } from "../../../../appliance/http/request.ts";

function bytesOfText(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

/** Decodes in the middle of other octets, which must not be looked at. */
function decode(text: string): HttpRequest | undefined {
  const bytes = bytesOfText(`GET /before HTTP/1.1\r\n${text} HTTP/1.1\r\nHost: behind\r\n\r\n`);
  const from = "GET /before HTTP/1.1\r\n".length;
  const request = decodeHttpRequest(bytes, from, from + text.length);
  return request === undefined ? undefined : { ...request, endOffset: request.endOffset - from };
}

const NO_FIELDS = { host: null, userAgent: null, referer: null };

const REQUESTS: readonly [name: string, text: string, expected: Omit<HttpRequest, "endOffset">, rest?: string][] = [
  [
    "all fields",
    "GET /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nUser-Agent: Mozilla/5.0 (X)\r\nReferer: http://r/\r\n\r\n",
    {
      method: "GET",
      uri: "/a?b=c",
      version: "HTTP/1.1",
      host: "example.org:8080",
      userAgent: "Mozilla/5.0 (X)",
      referer: "http://r/",
    },
  ],
  [
    "what follows the header is left",
    "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n",
    { ...NO_FIELDS, method: "POST", uri: "/", version: "HTTP/1.0" },
    "abc",
  ],
  [
    "names in any case, values trimmed",
    "GET / HTTP/1.1\r\nhOsT : \t h \r\n\r\n",
    { ...NO_FIELDS, method: "GET", uri: "/", version: "HTTP/1.1", host: "h" },
  ],
  [
    "the first of several",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    { ...NO_FIELDS, method: "GET", uri: "/", version: "HTTP/1.1", host: "a" },
  ],
  [
    "bare line feeds",
    "GET /x HTTP/1.1\nHost: h\n\n",
    { ...NO_FIELDS, method: "GET", uri: "/x", version: "HTTP/1.1", host: "h" },
  ],
  [
    "empty lines before it",
    "\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    { ...NO_FIELDS, method: "GET", uri: "/x", version: "HTTP/1.1" },
  ],
  [
    "spaces in the target",
    "GET /a b c HTTP/1.1\r\n\r\n",
    { ...NO_FIELDS, method: "GET", uri: "/a b c", version: "HTTP/1.1" },
  ],
  [
    "absolute form",
    "GET http://example.org/ HTTP/1.1\r\n\r\n",
    { ...NO_FIELDS, method: "GET", uri: "http://example.org/", version: "HTTP/1.1" },
  ],
  [
    "authority form",
    "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n",
    { ...NO_FIELDS, method: "CONNECT", uri: "[2001:db8::1]:443", version: "HTTP/1.1" },
  ],
  ["asterisk form", "OPTIONS * HTTP/1.1\r\n\r\n", { ...NO_FIELDS, method: "OPTIONS", uri: "*", version: "HTTP/1.1" }],
  [
    "WebDAV",
    "PROPFIND /dav/ HTTP/1.1\r\n\r\n",
    { ...NO_FIELDS, method: "PROPFIND", uri: "/dav/", version: "HTTP/1.1" },
  ],
  ["UPnP", "M-SEARCH * HTTP/1.1\r\n\r\n", { ...NO_FIELDS, method: "M-SEARCH", uri: "*", version: "HTTP/1.1" }],
  [
    "a method that nobody registered",
    "FETCH /x HTTP/1.1\r\n\r\n",
    { ...NO_FIELDS, method: "FETCH", uri: "/x", version: "HTTP/1.1" },
  ],
  [
    "words set apart by tabs, behind empty lines",
    "\r\n\n\r\n\r\n\r\nGET\t/x\tHTTP/1.1\r\n\r\n",
    { ...NO_FIELDS, method: "GET", uri: "/x", version: "HTTP/1.1" },
  ],
  ["a method of any token", "X2! /x HTTP/1.1\r\n\r\n", { ...NO_FIELDS, method: "X2!", uri: "/x", version: "HTTP/1.1" }],
  ["an odd version", "GET /x HTTP/1\r\n\r\n", { ...NO_FIELDS, method: "GET", uri: "/x", version: "HTTP/1" }],
  ["HTTP/0.9", "GET /index.html\r\n", { ...NO_FIELDS, method: "GET", uri: "/index.html", version: null }],
  ["cut within the target", "GET /index.ht", { ...NO_FIELDS, method: "GET", uri: "/index.ht", version: null }],
  [
    "cut within a field",
    "GET / HTTP/1.1\r\nHost: exam",
    { ...NO_FIELDS, method: "GET", uri: "/", version: "HTTP/1.1", host: "exam" },
  ],
  [
    "octets beyond ASCII are a character each",
    "GET /\xe4\xff HTTP/1.1\r\n\r\n",
    { ...NO_FIELDS, method: "GET", uri: "/\xe4\xff", version: "HTTP/1.1" },
  ],
  [
    "over-long texts are cut",
    `GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: ${"h".repeat(2000)}\r\n\r\n`,
    { ...NO_FIELDS, method: "GET", uri: `/${"a".repeat(8191)}`, version: "HTTP/1.1", host: "h".repeat(1024) },
  ],
];

for (const [name, text, expected, rest = ""] of REQUESTS)
  test(`decodeHttpRequest: ${name}`, () =>
    assert.deepEqual(decode(text + rest), { ...expected, endOffset: text.length }));

for (const [name, text] of [
  ["a response", "HTTP/1.1 200 OK\r\n\r\n"],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["a known method without a target", "GET  HTTP/1.1\r\n\r\n"],
  ["prose", "GET is a method of HTTP\r\n"],
  ["an unknown method without a version", "HELLO /x\r\n"],
  ["SMTP", "HELO example.org\r\n"],
  ["IRC", "PRIVMSG #a :GET / HTTP/1.1\r\n"],
  ["prose with a version", "GET is new in HTTP/1\r\n"],
  ["RTSP", "OPTIONS rtsp://h/x RTSP/1.0\r\n\r\n"],
  ["SIP's OPTIONS", "OPTIONS sip:a@example.org SIP/2.0\r\n"],
  ["SIP", "INVITE sip:a@example.org SIP/2.0\r\n"],
  ["binary", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["nothing", ""],
] as const)
  test(`decodeHttpRequest: ${name} is none`, () => assert.equal(decode(text), undefined));

test("decodeHttpRequest: a target that is not told apart from the end of the block ends there", () => {
  const bytes = bytesOfText("GET /abcdef");
  for (let to = 0; to <= bytes.length; to++) {
    const request = decodeHttpRequest(bytes, 0, to);
    assert.equal(request?.uri, to < 8 ? undefined : "/abcdef".slice(0, to - 4));
    assert.equal(mayBeRequest(bytes, 0, to), to >= 8);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type FactName, findEvidence } from "../../../../scripts/beyond/evidence.ts";
import type { CapturedStream } from "../../../../scripts/beyond/streams.ts";
import {
  bytesOf,
  clientHelloBody,
  concat,
  latin1,
  message,
  record,
  serverName,
  vector,
} from "../../appliance/handshake/hello-bytes.ts";

/** Of which every octet is in a frame of its own. */
function streamOf(...parts: readonly Uint8Array[]): CapturedStream {
  return { octets: concat(...parts), frameAt: (offset) => offset + 1 };
}

const HELLO = record(
  22,
  message(1, clientHelloBody({ version: 0x0303, cipherSuites: [0x1301], extensions: [serverName("box.example")] })),
);
const FIXED = concat(bytesOf("0303"), new Uint8Array(32).fill(9), bytesOf("00 c02f 00"));
const CERTIFICATE = message(11, vector(3, vector(3, bytesOf("3082 0040 a003020102 0204 00c0ffee"))));
const SERVER_12 = record(22, concat(message(2, FIXED), CERTIFICATE));
const SERVER_13 = record(22, message(2, concat(FIXED, vector(2, bytesOf("002b 0002 0304")))));
const KEXINIT = concat(
  bytesOf("0000002c 06 14"),
  new Uint8Array(16).fill(0xfe),
  bytesOf("0000000e"),
  latin1("curve-ab1,dh-b"),
);
const SSH = latin1("SSH-2.0-x\r\n");
const REQUEST = latin1("x\r\nGET /a b HTTP/1.1\r\nHost: b\r\n");
const HTTP2 = concat(
  latin1("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  bytesOf("000000 04 00 00000000 000003 01 05 00000001 828684"),
);
const NOTHING = streamOf();

const CASES: readonly (readonly [
  name: FactName,
  value: string,
  CapturedStream,
  CapturedStream,
  frame: number,
  octets: RegExp,
])[] = [
  ["sni", "box.example", streamOf(HELLO), NOTHING, HELLO.length - 10, /^"box\.example"$/],
  ["ja4", "t13", streamOf(SSH, HELLO), NOTHING, SSH.length + 1, /^16030300 43010000 3f030352 /],
  ["version", "0x0303", NOTHING, streamOf(SERVER_12), 10, /^03030909 /],
  ["version", "0x0304", NOTHING, streamOf(SERVER_13), 50, /^002b0002 0304$/],
  ["version", "Q043", streamOf(latin1("\x09Q043\x01")), NOTHING, 2, /^51303433 01$/],
  ["cipher", "0xc02f", NOTHING, streamOf(SERVER_12), 45, /^c02f000b /],
  ["cert_serial", "c0ffee", NOTHING, streamOf(SERVER_12), 67, /^020400c0 ffee$/],
  ["banner", "SSH-2.0-x", streamOf(SSH), streamOf(SSH), 1, /^"SSH-2\.0-x"$/],
  ["hassh", "0", streamOf(SSH, KEXINIT), NOTHING, SSH.length + 27, /^"curve-ab1,dh-b"$/],
  ["hassh_server", "0", streamOf(SSH), streamOf(KEXINIT), 27, /^"curve-ab1,dh-b"$/],
  ["request", "GET /a b", streamOf(REQUEST), NOTHING, 4, /^"GET \/a b HTTP\/1\.1"$/],
  ["request", "GET /", streamOf(HTTP2), NOTHING, 34, /^00000301 05000000 01828684$/],
];

for (const [name, value, client, server, frame, octets] of CASES)
  test(`findEvidence: ${name} ${value}`, () => {
    const evidence = findEvidence(name, value, client, server);
    assert.equal(evidence?.frame, frame);
    assert.match(evidence.octets, octets);
  });

test("findEvidence: what isn't there", () => {
  const names: FactName[] = [
    "sni",
    "version",
    "cipher",
    "ja4",
    "cert_serial",
    "banner",
    "hassh",
    "hassh_server",
    "request",
  ];
  for (const name of names) {
    assert.equal(findEvidence(name, "0x7f", streamOf(latin1("xyz")), undefined), undefined, name);
    assert.equal(
      findEvidence(name, "0x7f", streamOf(HELLO.subarray(0, 9)), streamOf(SERVER_12.subarray(0, 8))),
      undefined,
      name,
    );
  }
});

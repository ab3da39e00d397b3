import assert from "node:assert/strict";
import { test } from "node:test";
import { behindProxyHeader } from "../../../../appliance/decode/proxy-header.ts";

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const V2 = `${SIGNATURE}\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x9c\x40\0\x50`;

for (const [name, header, expected] of [
  ["version 1 over IPv4", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", undefined],
  ["version 1 over IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", undefined],
  ["version 1, unknown", "PROXY UNKNOWN\r\n", undefined],
  ["version 2", V2, undefined],
  ["version 2, local, with nothing in it", `${SIGNATURE}\x20\0\0\0`, undefined],
  ["version 1 without its end", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443", 0],
  ["a line that is too long", `PROXY UNKNOWN ${"x".repeat(92)}\r\n`, 0],
  ["a longer version 2 than there is", `${SIGNATURE}\x21\x11\xff\xff`, 0],
  ["another line", "PROXY protocol\r\n", 0],
  ["nothing", "", 0],
] as const)
  test(`behindProxyHeader: ${name}`, () => {
    const bytes = Uint8Array.from(`..${header}GET /`, (c) => c.charCodeAt(0));
    assert.equal(behindProxyHeader(bytes, 2, bytes.length), 2 + (expected ?? header.length));
  });

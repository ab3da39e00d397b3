import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHuffman } from "../../../../appliance/http/huffman.ts";
import { decodeLatin1 } from "../../../../core/latin1.ts";
import { bytesOf } from "../../../support/decode-hex.ts";

function decode(hex: string, roomBytes = 100): { length: number; text: string } {
  const bytes = bytesOf(hex);
  const out = new Uint8Array(roomBytes);
  const length = decodeHuffman(bytes, 0, bytes.length, out);
  return { length, text: decodeLatin1(out, 0, Math.max(0, Math.min(length, roomBytes))) };
}

/** Texts of RFC 7541, appendix C, and codes of the longest kinds from its appendix B, padded. */
const CASES: readonly [hex: string, text: string][] = [
  ["", ""],
  ["f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"],
  ["a8eb10649cbf", "no-cache"],
  ["d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ["ffc7", "\0"], // 1ff8, 13 bits
  ["fffffff3", "\n"], // 3ffffffc, 30 bits
  ["fffffbbf", "\xff"], // 3ffffee, 26 bits
];

for (const [hex, text] of CASES)
  test(`decodeHuffman: ${JSON.stringify(text)}`, () => assert.deepEqual(decode(hex), { length: text.length, text }));

test("decodeHuffman: what has no room counts", () =>
  assert.deepEqual(decode("f1e3c2e5f23a6ba0ab90f4ff", 3), { length: 15, text: "www" }));

for (const [name, hex] of [
  ["EOS", "ffffffff"],
  ["padding of an octet", "a8eb10649cbfff"],
  ["padding of zeros", "fffffff0"],
  ["a code that is cut", "ff"],
] as const)
  test(`decodeHuffman: ${name}`, () => assert.equal(decode(hex).length, -1));

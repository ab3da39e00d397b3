import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import {
  FORMAT_COMPRESSED,
  FORMAT_NONE,
  FORMAT_TEXT,
  recogniseFormat,
} from "../../../../appliance/entropy/recognise-format.ts";
import { bytesOf } from "../../../support/decode-hex.ts";
import { octetsOf } from "../../../support/ip-packets.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const HEAD_BYTES = 512;
const HEADS = readFileSync(join(import.meta.dirname, "../../../captures/format-heads/heads.tsv"), "utf8")
  .trimEnd()
  .split("\n")
  .slice(1)
  .map((line) => line.split("\t") as [string, string, string]);
const SOURCE = readFileSync(import.meta.filename);
const RESPONSE = "HTTP/1.1 200 OK\r\nServer: a\r\n";

/** Between other octets, so that a read beyond either end shows. */
function formatOf(payload: Uint8Array, bytes = HEAD_BYTES): number {
  const head = payload.subarray(0, bytes);
  const around = new Uint8Array(head.length + 40).fill(0xa5);
  around.set(head, 20);
  return recogniseFormat(around, 20, 20 + head.length);
}

for (const [name, command, octets] of HEADS)
  test(`recogniseFormat: ${name}, from ${command}`, () => assert.equal(formatOf(bytesOf(octets)), FORMAT_COMPRESSED));

const randomBytes = new Uint8Array(2000);
new SeededRandom(1).fill(randomBytes);

for (const [name, payload] of [
  ...[1, 6, 9].map((level) => [`raw DEFLATE, level ${level}`, deflateRawSync(SOURCE, { level })] as const),
  ...[0, 1, 6, 9].map((level) => [`zlib, level ${level}`, deflateSync(SOURCE, { level })] as const),
  ...[9, 12, 15].map((windowBits) => [`zlib, window of 2^${windowBits}`, deflateSync(SOURCE, { windowBits })] as const),
  ["zlib with a dictionary", deflateSync(SOURCE, { dictionary: SOURCE.subarray(100, 200) })],
  ["zlib of a few octets", deflateSync(octetsOf("hello"))],
  ["raw DEFLATE, fixed codes", deflateRawSync(SOURCE, { strategy: constants.Z_FIXED })],
  ["raw DEFLATE, literals only", deflateRawSync(SOURCE, { strategy: constants.Z_HUFFMAN_ONLY })],
  ["raw DEFLATE, runs only", deflateRawSync(SOURCE, { strategy: constants.Z_RLE })],
  ["raw DEFLATE, stored", deflateRawSync(randomBytes)],
  ["gzip", gzipSync(SOURCE)],
  ["Zstandard", zstdCompressSync(SOURCE)],
] as const)
  test(`recogniseFormat: ${name}`, () => {
    assert.equal(formatOf(payload), FORMAT_COMPRESSED);
    assert.equal(formatOf(payload, payload.length), FORMAT_COMPRESSED, "and to its end");
  });

for (const [expected, name, payload] of [
  [FORMAT_COMPRESSED, "a gzip body", octetsOf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b")],
  [FORMAT_COMPRESSED, "a picture", octetsOf(`${RESPONSE}Content-Type: image/png\r\n\r\n`)],
  [FORMAT_COMPRESSED, "a body by its magic", octetsOf(`${RESPONSE}\r\nPK\x03\x04\x14\0\0\0\x08\0aaaa`)],
  [FORMAT_COMPRESSED, "in chunks", octetsOf(`${RESPONSE}Transfer-Encoding: chunked\r\n\r\n1f40\r\nwOF2\0\x01\0\0aa`)],
  [FORMAT_COMPRESSED, "behind bare line feeds", octetsOf("HTTP/1.1 200 OK\nServer: a\n\nGIF89a\x01\x01")],
  [FORMAT_COMPRESSED, "zlib as a body", Buffer.concat([octetsOf(`${RESPONSE}\r\n`), deflateSync(SOURCE)])],
  [FORMAT_NONE, "a body of nothing known", octetsOf(`${RESPONSE}\r\n\x01\x02\x03\x04`)],
  [FORMAT_TEXT, "SVG is text", octetsOf(`${RESPONSE}Content-Type: image/svg+xml\r\n\r\n<svg>`)],
  [FORMAT_TEXT, "a request", octetsOf("GET / HTTP/1.1\r\n\r\n")],
  [FORMAT_TEXT, "text", octetsOf("hello, world\n")],
  [FORMAT_NONE, "binary", bytesOf("0001020304")],
  [FORMAT_NONE, "nothing", new Uint8Array(0)],
  [FORMAT_NONE, "a TLS record", bytesOf(`1603010200010001fc0303${"a7".repeat(32)}`)],
  [FORMAT_NONE, "no such zip method", octetsOf("PK\x03\x04aaaaaaaa")],
  [FORMAT_NONE, "a zlib header before anything", bytesOf(`789c07${"ff".repeat(20)}`)],
  [FORMAT_NONE, "a dynamic block with too many codes", bytesOf(`fd${"ff".repeat(40)}`)],
  [FORMAT_NONE, "Brotli says nothing of itself", brotliCompressSync(SOURCE)],
  [FORMAT_NONE, "sound that isn't compressed", octetsOf("RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0")],
] as const)
  test(`recogniseFormat: ${name}`, () => assert.equal(formatOf(payload), expected));

test("recogniseFormat: MPEG-TS", () => {
  const packets = new Uint8Array(3 * 188);
  for (let at = 0; at < packets.length; at += 188) packets.set([0x47, 0x01, 0x00, 0x10], at);
  assert.equal(formatOf(packets), FORMAT_COMPRESSED);
  packets[188] = 0x46;
  assert.equal(formatOf(packets), FORMAT_NONE);
});

test("recogniseFormat: a chain of AAC frames", () => {
  const frames = new Uint8Array(6 * 80);
  for (let at = 0; at < frames.length; at += 80) frames.set([0xff, 0xf1, 0x50, 0x80, 0x0a, 0x1f, 0xfc], at);
  assert.equal(formatOf(frames), FORMAT_COMPRESSED);
  frames[160] = 0x00;
  assert.equal(formatOf(frames), FORMAT_NONE);
});

test("recogniseFormat: of 100,000 random heads, at most three are taken for compressed", () => {
  const random = new SeededRandom(2);
  const head = new Uint8Array(HEAD_BYTES);
  let compressed = 0;
  for (let i = 0; i < 100_000; i++) {
    random.fill(head);
    if (recogniseFormat(head, 0, [16, 64, HEAD_BYTES][i % 3] as number) === FORMAT_COMPRESSED) compressed++;
  }
  assert.ok(compressed <= 3, `${compressed}`);
});

const MAGICS = fc.constantFrom(...HEADS.map(([, , octets]) => bytesOf(octets)), octetsOf(`${RESPONSE}\r\n`));

test("recogniseFormat: any octets have a format, also behind a cut head of any, and the same wherever they lie", () =>
  fc.assert(
    fc.property(MAGICS, fc.nat(80), fc.uint8Array({ maxLength: 300 }), (head, cut, rest) => {
      const payload = Buffer.concat([head.subarray(0, cut), rest]);
      const format = recogniseFormat(payload, 0, payload.length);
      assert.ok([FORMAT_NONE, FORMAT_TEXT, FORMAT_COMPRESSED].includes(format));
      assert.equal(formatOf(payload), format);
    }),
    { numRuns: 2000 },
  ));

import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { isFrameChain } from "../../../../appliance/entropy/audio-frames.ts";
import { DeflateSeek } from "../../../../appliance/entropy/deflate-seek.ts";
import { FORMAT_COMPRESSED, FORMAT_NONE } from "../../../../appliance/entropy/recognise-format.ts";
import { seekFormat } from "../../../../appliance/entropy/seek-format.ts";
import { hasStreamMark, isJpegScan } from "../../../../appliance/entropy/stream-marks.ts";
import { bytesOf } from "../../../support/decode-hex.ts";
import { octetsOf } from "../../../support/ip-packets.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { seededText } from "../../../support/seeded-text.ts";

const WINDOW_BYTES = 4096;
const SOURCE = seededText(1 << 20, 7);

function randomBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new SeededRandom(seed).fill(bytes);
  return bytes;
}

/** Random octets with `part` at `at`. */
function randomWith(part: Uint8Array, at: number, seed = 1): Uint8Array {
  const bytes = randomBytes(WINDOW_BYTES, seed);
  bytes.set(part, at);
  return bytes;
}

/** `bytes` moved up by `bits` bits, the first of an octet the lowest (DEFLATE) or the highest (bzip2). */
function shifted(bytes: Uint8Array, bits: number, isLowFirst: boolean): Uint8Array {
  return Uint8Array.from({ length: bytes.length + 1 }, (_, i) => {
    const before = i > 0 ? (bytes[i - 1] as number) : 0;
    const here = i < bytes.length ? (bytes[i] as number) : 0;
    return isLowFirst ? (here << bits) | (before >> (8 - bits)) : ((before << (8 - bits)) | (here >> bits)) & 0xff;
  });
}

const deflated = deflateRawSync(SOURCE);

for (let bits = 0; bits < 8; bits++)
  test(`DeflateSeek finds the codes of a block that starts ${bits} bits into an octet`, () => {
    const seek = new DeflateSeek();
    const window = randomWith(shifted(deflated.subarray(0, 2000), bits, true), 700);
    assert.ok(seek.find(window, 300, WINDOW_BYTES));
    assert.ok(!seek.find(window, 702, WINDOW_BYTES), "behind its start there is none");
    assert.ok(!seek.find(window, 300, 725), "nor where its codes are cut off");
  });

test("DeflateSeek finds the blocks that are in a stream, no less", () => {
  const small = deflateRawSync(SOURCE, { memLevel: 4 });
  const seek = new DeflateSeek();
  const windows = Array.from({ length: 50 }, (_, i) => 1000 + 3000 * i);
  assert.deepEqual(
    windows.filter((at) => !seek.find(small, at, at + WINDOW_BYTES)),
    [],
  );
});

for (const [name, octets] of [
  ["bzip2's block", bytesOf("314159265359")],
  ["bzip2's end", bytesOf("177245385090")],
] as const)
  for (let bits = 0; bits < 8; bits++)
    test(`hasStreamMark: ${name}, ${bits} bits into an octet`, () => {
      assert.ok(hasStreamMark(shifted(octets, bits, false), 0, 7));
    });

for (const [name, octets] of [
  ["a page of Ogg", bytesOf("4f6767530000aabbccdd")],
  ["a piece of PNG", octetsOf("\0\0\x20\0IDAT")],
  ["the end of a stream of PDF", octetsOf("\r\nendstream\r\n")],
  ["a member of gzip", gzipSync(SOURCE).subarray(0, 40)],
  ["an entry of zip", octetsOf("PK\x03\x04\x14\0\0\0\x08\0aaaa")],
  ["a frame of Zstandard", zstdCompressSync(SOURCE).subarray(0, 40)],
  ["a cluster of Matroska", bytesOf("1f43b67501ffffffffffffff")],
] as const)
  test(`hasStreamMark: ${name}`, () => {
    const window = randomWith(octets, 1234);
    assert.ok(hasStreamMark(window, 0, WINDOW_BYTES));
    assert.ok(!hasStreamMark(window, 1234 + octets.length, WINDOW_BYTES));
    assert.equal(seekFormat(window, 0, WINDOW_BYTES), FORMAT_COMPRESSED);
  });

test("hasStreamMark: packets of MPEG-TS", () => {
  const window = randomBytes(WINDOW_BYTES, 3);
  for (let at = 77; at < WINDOW_BYTES; at += 188) window.set([0x47, 0x01, 0x00, 0x10], at);
  assert.ok(hasStreamMark(window, 0, WINDOW_BYTES));
  window[77 + 188 * 20] = 0;
  assert.ok(!hasStreamMark(window, 0, WINDOW_BYTES));
});

test("isFrameChain: frames of MP3, 128 kbit/s and 44.1 kHz", () => {
  const window = randomBytes(WINDOW_BYTES, 4);
  for (let at = 100, i = 0; at < WINDOW_BYTES; at += 417 + (i++ % 2))
    window.set([0xff, 0xfb, 0x90 | ((i % 2) << 1), 0x44], at);
  assert.ok(isFrameChain(window, 100, WINDOW_BYTES, 9));
  assert.ok(!isFrameChain(window, 100, 900, 3), "too few");
  assert.ok(hasStreamMark(window, 0, WINDOW_BYTES));
  window[100 + 417] = 0;
  assert.ok(!isFrameChain(window, 100, WINDOW_BYTES, 3));
});

test("isJpegScan: zeros behind all octets 255, or restarts", () => {
  const window = randomBytes(WINDOW_BYTES, 5).map((octet, i, all) => (all[i - 1] === 0xff ? 0 : octet));
  assert.ok(isJpegScan(window, 0, WINDOW_BYTES));
  window.set([0xff, 0xd3], 500);
  assert.ok(isJpegScan(window, 0, WINDOW_BYTES));
  window.set([0xff, 0xd9], 600);
  assert.ok(!isJpegScan(window, 0, WINDOW_BYTES));
  assert.ok(!isJpegScan(new Uint8Array(WINDOW_BYTES), 0, WINDOW_BYTES), "none at all says nothing");
});

for (const [name, payload, least] of [
  ["DEFLATE", deflated, 0.3],
  ["DEFLATE in small blocks", deflateRawSync(SOURCE, { memLevel: 4 }), 1],
  ["DEFLATE, fixed codes", deflateRawSync(SOURCE, { strategy: constants.Z_FIXED }), 1],
  ["DEFLATE, literals only", deflateRawSync(SOURCE, { strategy: constants.Z_HUFFMAN_ONLY }), 1],
  ["Zstandard", zstdCompressSync(SOURCE), 0.1],
] as const)
  test(`seekFormat: of windows of ${name} at least ${100 * least} % are found`, () => {
    const windows = Array.from({ length: Math.floor(payload.length / 4096) - 1 }, (_, i) => 4096 * i + 1000);
    const found = windows.filter((at) => seekFormat(payload, at, at + WINDOW_BYTES) === FORMAT_COMPRESSED);
    assert.ok(found.length >= least * windows.length, `${found.length} of ${windows.length}`);
  });

test("seekFormat: of 6,000 random windows at most three are taken for compressed", () => {
  const random = new SeededRandom(6);
  const window = new Uint8Array(WINDOW_BYTES);
  let compressed = 0;
  for (let i = 0; i < 6000; i++) {
    random.fill(window);
    if (seekFormat(window, 0, [300, 1024, WINDOW_BYTES][i % 3] as number) === FORMAT_COMPRESSED) compressed++;
  }
  assert.ok(compressed <= 3, `${compressed}`);
});

test("seekFormat: short of 256 octets there is nothing to say", () =>
  assert.equal(seekFormat(new Uint8Array(300), 20, 275), FORMAT_NONE));

test("seekFormat: any octets have a format, and the same wherever they lie", () =>
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.nat(60_000).map((at) => deflated.subarray(at, at + 200)),
        ),
        {
          maxLength: 12,
        },
      ),
      (parts) => {
        const payload = Buffer.concat(parts);
        const format = seekFormat(payload, 0, payload.length);
        assert.ok(format === FORMAT_NONE || format === FORMAT_COMPRESSED);
        const around = new Uint8Array(payload.length + 50).fill(0xff);
        around.set(payload, 20);
        assert.equal(seekFormat(around, 20, 20 + payload.length), format);
      },
    ),
    { numRuns: 300 },
  ));

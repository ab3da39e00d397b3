import assert from "node:assert/strict";
import { test } from "node:test";
import type { FrameCursor } from "../../../../appliance/capture/frame-cursor.ts";
import {
  decodePcapHeader,
  encodePcapHeader,
  PcapRecordBuffer,
  PcapRecordCursor,
} from "../../../../appliance/capture/pcap-file.ts";

/** Magic a1b23c4d, version 2.4, zone and accuracy 0, snaplen 262148, link type; draft-ietf-opsawg-pcap, section 4. */
const ETHERNET_HEADER = "4d3cb2a1020004000000000000000000" + "04000400" + "01000000";

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

test("encodePcapHeader: Ethernet", () => assert.equal(hexOf(encodePcapHeader(1)), ETHERNET_HEADER));

for (const { name, hex, expected } of [
  { name: "Ethernet", hex: ETHERNET_HEADER, expected: { ok: true, value: 1 } },
  { name: "empty", hex: "", expected: { ok: false, reason: "truncated", atOffset: 0 } },
  { name: "cut", hex: ETHERNET_HEADER.slice(0, 46), expected: { ok: false, reason: "truncated", atOffset: 23 } },
  {
    name: "microseconds, as we never write",
    hex: ETHERNET_HEADER.replace("4d3cb2a1", "d4c3b2a1"),
    expected: { ok: false, reason: "malformed", atOffset: 0 },
  },
] as const)
  test(`decodePcapHeader: ${name}`, () => assert.deepEqual(decodePcapHeader(bytesOf(hex)), expected));

const RECORD = "78563412" + "ffc99a3b" + "03000000" + "40000000" + "aabbcc";
const FRAME: FrameCursor = {
  bytes: bytesOf("00aabbcc00"),
  offsetBytes: 1,
  capturedBytes: 3,
  originalBytes: 64,
  timeSeconds: 0x12345678,
  timeNanoseconds: 999_999_999,
  next: () => false,
};

test("PcapRecordBuffer: records follow each other, and it grows", () => {
  const buffer = new PcapRecordBuffer(20);
  for (let i = 0; i < 3; i++) buffer.append(FRAME);
  assert.equal(hexOf(buffer.bytes.subarray(0, buffer.lengthBytes)), RECORD.repeat(3));
  buffer.clear();
  assert.equal(buffer.lengthBytes, 0);
});

for (const { name, hex, frames, endBytes, damaged } of [
  { name: "two records", hex: RECORD + RECORD, frames: 2, endBytes: 38, damaged: false },
  { name: "the last cut in its octets", hex: RECORD + RECORD.slice(0, -2), frames: 1, endBytes: 19, damaged: false },
  { name: "the last cut in its header", hex: RECORD + RECORD.slice(0, 20), frames: 1, endBytes: 19, damaged: false },
  { name: "nothing", hex: "", frames: 0, endBytes: 0, damaged: false },
  {
    name: "a length beyond any frame",
    hex: `${RECORD}${RECORD.slice(0, 16)}ffffffff40000000`,
    frames: 1,
    endBytes: 19,
    damaged: true,
  },
  { name: "zeros after a power cut", hex: RECORD + "00".repeat(64), frames: 1, endBytes: 19, damaged: true },
  {
    name: "a second of more than 10^9 ns",
    hex: `7856341200ca9a3b${RECORD.slice(16)}`,
    frames: 0,
    endBytes: 0,
    damaged: true,
  },
])
  test(`PcapRecordCursor: ${name}`, () => {
    const cursor = new PcapRecordCursor(bytesOf(hex));
    let count = 0;
    while (cursor.next()) {
      count++;
      assert.deepEqual(
        {
          hex: hexOf(cursor.bytes.subarray(cursor.offsetBytes, cursor.offsetBytes + cursor.capturedBytes)),
          originalBytes: cursor.originalBytes,
          timeSeconds: cursor.timeSeconds,
          timeNanoseconds: cursor.timeNanoseconds,
        },
        { hex: "aabbcc", originalBytes: 64, timeSeconds: 0x12345678, timeNanoseconds: 999_999_999 },
      );
    }
    assert.deepEqual(
      { count, endBytes: cursor.endBytes, damaged: cursor.damaged },
      { count: frames, endBytes, damaged },
    );
  });

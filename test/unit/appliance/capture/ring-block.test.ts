import assert from "node:assert/strict";
import { test } from "node:test";
import { RingBlockCursor } from "../../../../appliance/capture/ring-block.ts";

const BLOCK_AT = 4096;
const BLOCK_BYTES = 4096;
const HEADER_BYTES = 48;
const MAC_AT = 82;

interface RingFrame {
  readonly hex: string;
  readonly status?: number;
  readonly tci?: number;
  readonly tpid?: number;
  readonly macAt?: number;
  readonly capturedBytes?: number;
}

/** A ring of two blocks, the second with these frames, 256 octets apart; as the kernel lays them out. */
function ringOf(frames: readonly RingFrame[]): Uint8Array {
  const ring = new Uint8Array(2 * BLOCK_BYTES);
  const view = new DataView(ring.buffer);
  view.setUint32(BLOCK_AT + 8, 1, true);
  view.setUint32(BLOCK_AT + 12, frames.length, true);
  view.setUint32(BLOCK_AT + 16, HEADER_BYTES, true);
  frames.forEach((frame, index) => {
    const at = BLOCK_AT + HEADER_BYTES + index * 256;
    const bytes = Buffer.from(frame.hex, "hex");
    const macAt = frame.macAt ?? MAC_AT;
    view.setUint32(at, index === frames.length - 1 ? 0 : 256, true);
    view.setUint32(at + 4, 1_700_000_000, true);
    view.setUint32(at + 8, 123_456_789 + index, true);
    view.setUint32(at + 12, frame.capturedBytes ?? bytes.length, true);
    view.setUint32(at + 16, 1500, true);
    view.setUint32(at + 20, 1 | (frame.status ?? 0), true);
    view.setUint16(at + 24, macAt, true);
    view.setUint32(at + 32, frame.tci ?? 0, true);
    view.setUint16(at + 36, frame.tpid ?? 0, true);
    ring.set(bytes, Math.min(at + macAt, ring.length - bytes.length));
  });
  return ring;
}

const MACS = "020000000002020000000001";

for (const { name, frames, expected, damaged } of [
  { name: "an empty block", frames: [], expected: [], damaged: 0 },
  {
    name: "frames in order",
    frames: [{ hex: `${MACS}0800aa` }, { hex: `${MACS}86ddbb` }],
    expected: [
      { hex: `${MACS}0800aa`, originalBytes: 1500, nanoseconds: 123_456_789 },
      { hex: `${MACS}86ddbb`, originalBytes: 1500, nanoseconds: 123_456_790 },
    ],
    damaged: 0,
  },
  {
    name: "the tag that the card took off, of the type that it had",
    frames: [{ hex: `${MACS}0800aa`, status: 0x50, tci: 0xa005, tpid: 0x88a8 }],
    expected: [{ hex: `${MACS}88a8a0050800aa`, originalBytes: 1504, nanoseconds: 123_456_789 }],
    damaged: 0,
  },
  {
    name: "a tag of unknown type is an 802.1Q tag",
    frames: [{ hex: `${MACS}0800aa`, status: 0x10, tci: 5 }],
    expected: [{ hex: `${MACS}810000050800aa`, originalBytes: 1504, nanoseconds: 123_456_789 }],
    damaged: 0,
  },
  {
    name: "a tag without room for it in the frame",
    frames: [{ hex: "0200000000", status: 0x50, tci: 5, tpid: 0x8100 }],
    expected: [{ hex: "0200000000", originalBytes: 1500, nanoseconds: 123_456_789 }],
    damaged: 0,
  },
  {
    name: "octets beyond the block: the rest of it is given up",
    frames: [{ hex: `${MACS}0800aa` }, { hex: "00", capturedBytes: 5000 }, { hex: `${MACS}0800cc` }],
    expected: [{ hex: `${MACS}0800aa`, originalBytes: 1500, nanoseconds: 123_456_789 }],
    damaged: 2,
  },
] satisfies readonly { name: string; frames: readonly RingFrame[]; expected: unknown; damaged: number }[])
  test(`RingBlockCursor: ${name}`, () => {
    const cursor = new RingBlockCursor(ringOf(frames));
    cursor.enter(BLOCK_AT, BLOCK_BYTES);
    const read: unknown[] = [];
    while (cursor.next())
      read.push({
        hex: Buffer.from(cursor.bytes.subarray(cursor.offsetBytes, cursor.offsetBytes + cursor.capturedBytes)).toString(
          "hex",
        ),
        originalBytes: cursor.originalBytes,
        nanoseconds: cursor.timeNanoseconds,
      });
    assert.deepEqual({ read, damaged: cursor.damaged }, { read: expected, damaged });
  });

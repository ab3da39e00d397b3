import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Packet } from "../../../../appliance/decode/packet.ts";
import { zeroCounters } from "../../../../appliance/session/engine-counters.ts";
import { FLAGS, ROW_WORDS, SessionTable } from "../../../../appliance/session/session-table.ts";
import { FLAG_ACK } from "../../../../appliance/session/tcp-flags.ts";
import { TcpStreams } from "../../../../appliance/session/tcp-streams.ts";

const SECOND_US = 1_000_000;
const LIMITS = { directionBytes: 1 << 20, totalBytes: 1 << 22 };

interface Harness {
  readonly streams: TcpStreams;
  readonly counters: ReturnType<typeof zeroCounters>;
  /** The other side has sent acknowledgements. */
  seeOtherSide(): void;
  /** What was given out; "." for an octet that was said to be missing. */
  text: string;
  segment(sequence: number, payload: string, atUs?: number): void;
}

function harness(limits = LIMITS): Harness {
  const table = new SessionTable(10, new Uint8Array(16));
  const row = table.add(new Int32Array(10), 1);
  const counters = zeroCounters();
  const packet = new Packet();
  const h: Harness = {
    counters,
    seeOtherSide: () => {
      table.words[row * ROW_WORDS + FLAGS] = FLAG_ACK << 8;
    },
    text: "",
    streams: new TcpStreams(
      table,
      limits,
      {
        deliver: (_row, _side, bytes, from, to) => {
          h.text += Buffer.from(bytes.subarray(from, to)).toString("latin1");
        },
        gap: (_row, _side, count) => {
          h.text += ".".repeat(count);
        },
        stray: (_row, _side, bytes, from, to) => {
          h.text += `(${Buffer.from(bytes.subarray(from, to)).toString("latin1")})`;
        },
      },
      counters,
    ),
    segment: (sequence, payload, atUs = 0) => {
      const bytes = Buffer.from(payload, "latin1");
      packet.reset(bytes, 0, bytes.length, bytes.length, -1);
      packet.markPayload();
      h.streams.segment(row, 0, packet, sequence | 0, atUs);
    },
  };
  return h;
}

test("TcpStreams: any split, order, repetition and overlap, over the wrap of sequence numbers, gives each octet once", () => {
  const piece = fc.record({ at: fc.nat(299), length: fc.integer({ min: 1, max: 60 }) });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.nat(300), fc.boolean(), (pieces, back, alone) => {
      const text = Array.from({ length: 300 }, (_, i) => String.fromCharCode(0x41 + (i % 57))).join("");
      const first = 0xffff_ffff - back;
      const h = harness();
      h.streams.begin(1, 0, first | 0);
      for (const { at, length } of pieces) h.segment(first + at, text.slice(at, at + length));
      if (alone) h.streams.end(1);
      else for (let at = 0; at < 300; at += 7) h.segment(first + at, text.slice(at, at + 7));
      h.streams.end(1);
      const seen = alone ? pieces.reduce((end, { at, length }) => Math.max(end, Math.min(300, at + length)), 0) : 300;
      assert.equal(h.text.length, seen);
      for (let i = 0; i < seen; i++) {
        const isThere = !alone || pieces.some(({ at, length }) => at <= i && i < at + length);
        assert.equal(h.text[i], isThere ? text[i] : ".", `octet ${i}`);
      }
      assert.equal(h.streams.heldBytes, 0);
      assert.equal(h.counters.gapBytes, h.text.split(".").length - 1);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("TcpStreams: octets that could be given out first count", () => {
  const h = harness();
  h.segment(10, "abc");
  h.segment(14, "EFG");
  h.segment(12, "CDEFgh");
  h.segment(10, "xyz");
  h.streams.end(1);
  assert.equal(h.text, "abcDEFgh");
});

test("TcpStreams: a hole that the other side doesn't acknowledge is waited for, a minute at most", () => {
  const h = harness();
  h.seeOtherSide();
  h.segment(0, "a");
  for (let at = 2; at < 102; at++) h.segment(at, "c");
  h.segment(102, "d", 50 * SECOND_US);
  assert.equal(h.text, "a");
  h.segment(1, "b", 51 * SECOND_US);
  assert.equal(h.text, `ab${"c".repeat(100)}d`);
  h.segment(104, "f", 51 * SECOND_US);
  h.segment(105, "g", 112 * SECOND_US);
  assert.equal(h.text.slice(-4), "d.fg");
});

test("TcpStreams: of a hole, only what was acknowledged is given up", () => {
  const h = harness();
  h.seeOtherSide();
  h.segment(0, "a");
  h.segment(4, "e");
  h.streams.acknowledge(1, 1, 2, SECOND_US);
  assert.equal(h.text, "a.");
  h.segment(2, "cd", SECOND_US);
  assert.equal(h.text, "a.cde");
});

test("TcpStreams: what waits already is not held again; a far jump leaves nothing behind", () => {
  const h = harness();
  h.segment(0, "a");
  for (let i = 0; i < 100; i++) h.segment(2, "cde");
  h.segment(2, "cd");
  assert.deepEqual([h.text, h.counters.segmentsHeld, h.counters.repeatedBytes], ["a", 1, 3 * 99 + 2]);
  h.segment(1 << 27, "z");
  assert.deepEqual([h.text, h.streams.heldBytes], ["a.cde.z", 0]);
});

test("TcpStreams: a hole is given up when it is acknowledged, without room, and where one side is seen after 64 segments or two seconds", () => {
  const acknowledged = harness();
  acknowledged.segment(0, "a");
  for (const at of [2, 3, 4]) acknowledged.segment(at, "b");
  acknowledged.streams.acknowledge(1, 1, 2, 0);
  assert.equal(acknowledged.text, "a.bbb");

  const many = harness();
  many.segment(0, "a");
  for (let at = 2; at < 66; at++) many.segment(at, "b");
  assert.equal(many.text, `a.${"b".repeat(64)}`);

  const late = harness();
  late.segment(0, "a");
  late.segment(2, "c");
  late.segment(3, "d", 3 * SECOND_US);
  assert.equal(late.text, "a.cd");

  const full = harness({ directionBytes: 1000, totalBytes: 1000 });
  full.segment(0, "a");
  full.segment(2, "c".repeat(500));
  full.segment(1000, "d".repeat(500));
  assert.equal(full.text, `a.${"c".repeat(500)}`);
  assert.equal(full.counters.segmentsNoRoom, 1);
  full.streams.end(1);
  assert.equal(full.counters.gapBytes, 1 + 498);
});

test("TcpStreams: what lies before the first octet of a session that is met midway has no place in it; a far jump begins anew", () => {
  const h = harness();
  h.segment(1000, "abc");
  h.segment(900, "old");
  h.segment(900, "old");
  h.segment(1003 + (1 << 27), "new");
  h.segment(1006 + (1 << 27), "er");
  assert.equal(h.text, "abc(old)...newer");
});

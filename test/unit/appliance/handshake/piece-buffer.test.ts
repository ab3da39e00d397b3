import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Allowance, ReaderBudget, zeroBudgetCounters } from "../../../../appliance/decode/reader-budget.ts";
import { PieceBuffer } from "../../../../appliance/handshake/piece-buffer.ts";

const MAX_BYTES = 4096;

test("PieceBuffer: pieces anywhere, in any order: the first of each octet stays, up to the first hole", () => {
  const piece = fc.tuple(fc.nat(MAX_BYTES + 100), fc.uint8Array({ minLength: 1, maxLength: 1500 }));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const counters = zeroBudgetCounters();
      const buffer = new PieceBuffer(MAX_BYTES, new Allowance(new ReaderBudget(Number.MAX_SAFE_INTEGER, counters)));
      const expected: (number | undefined)[] = new Array(MAX_BYTES).fill(undefined);
      for (const [offset, data] of pieces) {
        const isOther = data.some((octet, i) => expected[offset + i] !== undefined && expected[offset + i] !== octet);
        assert.equal(buffer.contradicts(offset, data), isOther);
        assert.equal(buffer.add(offset, data), Math.min(data.length, Math.max(0, offset + data.length - MAX_BYTES)));
        data.forEach((octet, i) => {
          if (offset + i < MAX_BYTES) expected[offset + i] ??= octet;
        });
      }
      const hole = expected.indexOf(undefined);
      assert.equal(buffer.contiguousBytes, hole < 0 ? MAX_BYTES : hole);
      assert.deepEqual(
        [...buffer.slice(0, MAX_BYTES)],
        Array.from(expected, (octet) => octet ?? 0),
      );
      assert.equal(counters.readerBytes, buffer.roomBytes);
      buffer.clear();
      assert.equal(counters.readerBytes, 0);
    }),
  );
});

test("PieceBuffer: one octet at the far end takes the room of few, not of all that would come before it", () => {
  const counters = zeroBudgetCounters();
  const buffer = new PieceBuffer(32_768, new Allowance(new ReaderBudget(32_768, counters)));
  assert.equal(buffer.add(32_767, Uint8Array.of(1)), 0);
  assert.ok(counters.readerBytes <= 512, `${counters.readerBytes}`);
});

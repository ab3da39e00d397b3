import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LineMerge } from "../../../../appliance/session/line-merge.ts";
import { AFTER_ALL, type LineBatch, OrderedLines } from "../../../../appliance/session/ordered-lines.ts";

interface Line {
  readonly frame: number;
  readonly id: number;
}

/** Lines as one engine gives them: frames ascend, ids come in any order. */
const lines: fc.Arbitrary<readonly Line[]> = fc
  .array(fc.record({ frame: fc.nat(12), id: fc.nat(9) }), { maxLength: 60 })
  .map((all) => all.sort((a, b) => a.frame - b.frame));

const textOf = ({ frame, id }: Line, order: number) => `${frame} ${id} ${order}${"x".repeat((frame * 7 + id) % 11)}`;

/** By frame, then by session; what is equal stays as it came. */
function sorted(all: readonly Line[]): string[] {
  return all
    .map((line, order) => ({ ...line, text: textOf(line, order) }))
    .sort((a, b) => a.frame - b.frame || a.id - b.id)
    .map(({ text }) => text);
}

const decode = (octets: Uint8Array) => new TextDecoder().decode(octets);

/** Batches of the share `index` of `count`, cut after each frame for which `isCut` says so. */
function batchesOf(
  all: readonly Line[],
  index: number,
  count: number,
  isCut: (frame: number) => boolean,
): readonly LineBatch[] {
  const batches: LineBatch[] = [];
  const ordered = new OrderedLines();
  let frame = 0;
  const give = () => {
    batches.push(ordered.copy(frame, AFTER_ALL));
    ordered.clear();
  };
  all.forEach((line, order) => {
    if (line.frame !== frame && isCut(frame)) give();
    frame = line.frame;
    if (line.id % count !== index) return;
    ordered.lines.appendText(textOf(line, order));
    ordered.place(line.frame, line.id);
  });
  give();
  return batches;
}

test("property: lines of one engine are sorted within each frame", () => {
  fc.assert(
    fc.property(lines, fc.func(fc.boolean()), (all, isCut) => {
      const octets = batchesOf(all, 0, 1, isCut).map((batch) => decode(batch.octets));
      assert.equal(
        octets.join(""),
        sorted(all)
          .map((text) => `${text}\n`)
          .join(""),
      );
    }),
  );
});

test("property: any interleaving of the batches of one to four engines gives the sorted whole, written as early as can be", () => {
  fc.assert(
    fc.property(
      lines,
      fc.integer({ min: 1, max: 4 }),
      fc.func(fc.boolean()),
      fc.array(fc.nat(3), { maxLength: 200 }),
      (all, count, isCut, turns) => {
        let written = "";
        const done = new Array<number>(count).fill(0);
        const merge = new LineMerge(
          count,
          (octets, from, to) => {
            written += decode(octets.subarray(from, to));
          },
          (source, octets) => {
            done[source] = (done[source] ?? 0) + octets;
          },
        );
        const waiting = Array.from({ length: count }, (_, index) => [
          ...batchesOf(all, index, count, (frame) => isCut(frame + 100 * index)),
        ]);
        const given = new Array<number>(count).fill(0);
        const expected = sorted(all)
          .map((text) => `${text}\n`)
          .join("");
        const reached = new Array<number>(count).fill(-1);
        for (const turn of [...turns, ...Array.from({ length: 400 }, (_, i) => i)]) {
          const source = turn % count;
          const batch = waiting[source]?.shift();
          if (batch === undefined) {
            merge.end(source);
            reached[source] = AFTER_ALL;
          } else {
            merge.push(source, batch);
            given[source] = (given[source] ?? 0) + batch.octets.length;
            reached[source] = batch.frame;
          }
          merge.drain();
          assert.ok(expected.startsWith(written));
          const least = Math.min(...reached);
          const all1 = all.filter(({ frame }) => frame <= least).length;
          assert.ok(written.split("\n").length > all1, "what nothing can come before is written");
        }
        assert.equal(written, expected);
        assert.deepEqual(done, given);
        assert.deepEqual(
          done.map((_, source) => merge.pendingBytes(source)),
          new Array<number>(count).fill(0),
        );
      },
    ),
  );
});

test("at the end a source that has come to a session lets the ones before it be written", () => {
  let written = "";
  const merge = new LineMerge(
    2,
    (octets, from, to) => {
      written += decode(octets.subarray(from, to));
    },
    () => {},
  );
  const batch = (ids: readonly number[], id: number) => {
    const ordered = new OrderedLines();
    for (const one of ids) {
      ordered.lines.appendText(String(one));
      ordered.place(9, one);
    }
    return ordered.copy(9, id);
  };
  merge.push(0, batch([1, 4, 7, 9], 9));
  merge.drain();
  assert.equal(written, "");
  merge.push(1, batch([2, 3], 5));
  merge.drain();
  assert.equal(written, "1\n2\n3\n4\n");
  merge.push(1, batch([6, 8], 8));
  merge.drain();
  assert.equal(written, "1\n2\n3\n4\n6\n7\n8\n");
  merge.end(1);
  merge.drain();
  assert.equal(written, "1\n2\n3\n4\n6\n7\n8\n9\n");
});

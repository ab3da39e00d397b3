import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { linkTypeOfName } from "../../appliance/capture/libpcap-port.ts";
import { runInNamespace } from "../../scripts/rig/net-namespace.ts";

const FAR_SIDE = join(import.meta.dirname, "../support/ports-far-side.ts");

interface FarSide {
  readonly steps: Readonly<Record<string, readonly number[]>>;
  readonly drops: number;
  readonly said: readonly string[];
  readonly viaLibpcap: readonly string[];
}

let far: FarSide;
before(async () => {
  far = JSON.parse(await runInNamespace(["span0"], [process.execPath, FAR_SIDE], 120_000)) as FarSide;
});

test("SPAN ports come late, lose their carrier, go and come back: their frames arrive", () => {
  assert.deepEqual(far.steps, {
    "one port there": [1],
    "the other comes late": [2],
    "carrier lost and back": [3],
    "down and up": [4],
    "gone and back": [5],
  });
  assert.equal(far.drops, 0);
});

test("what happens to a port is said once", () => {
  assert.deepEqual(far.said, [
    "late0: a SPAN port can't be captured",
    "span0: capturing",
    "late0: capturing",
    "late0: a SPAN port is gone",
    "late0: capturing",
  ]);
});

test("npm pcap captures with a filter and a snap length, in batches of records", () => {
  assert.deepEqual(far.viaLibpcap, ["1 7 100/200", "1 7 100/200"]);
});

for (const { name, linkType } of [
  { name: "LINKTYPE_ETHERNET", linkType: 1 },
  { name: "LINKTYPE_RAW", linkType: 101 },
  { name: "Unknown linktype 276", linkType: 276 },
  { name: "what it never says", linkType: 147 },
])
  test(`linkTypeOfName: ${name}`, () => assert.equal(linkTypeOfName(name), linkType));

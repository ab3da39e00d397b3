import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { compareTuples } from "../../scripts/compare-tuples.ts";
import { bytesOf } from "../support/decode-hex.ts";
import { FRAME_CASES } from "../support/frame-cases.ts";
import { listCaptures } from "../support/read-captures.ts";
import { pcapFile } from "../support/savefiles.ts";

const folder = mkdtempSync(join(tmpdir(), "cepa-decode-"));
after(() => rmSync(folder, { recursive: true }));

for (const { name, path } of listCaptures())
  test(`the innermost five-tuple of every packet is tshark's: ${name}`, async () => {
    const { frames, differences } = await compareTuples(path);
    assert.ok(frames > 0);
    assert.deepEqual(differences, []);
  });

/** Frames of which tshark is meant to say something else. */
const TSHARKS_OWN: readonly string[] = [
  "MPLS pseudowire with control word", // it goes by makers of network cards that it knows
  "GTP-U with sequence number, another port", // it goes by the port
  "802.11, a later fragment", // it reads it as if it were the first
  // it must be told what a session of version 3 carries
  "L2TP version 3 over UDP",
  "L2TP version 3 over IP",
  "L2TP version 3 over IP, HDLC without cookie",
  "IPv6 with hop-by-hop, routing, authentication, mobility, HIP, shim6", // it ends at the mobility header
];

test("the innermost five-tuple of a frame of each kind is tshark's", async () => {
  const linkTypes = [...new Set(FRAME_CASES.map(([, linkType]) => linkType))];
  const found: string[] = [];
  for (const linkType of linkTypes) {
    const ofType = FRAME_CASES.filter(([, other]) => other === linkType);
    const frames = ofType.map(([, , hex], i) => {
      const text = Buffer.from(bytesOf(hex)).toString("latin1");
      return { text, originalBytes: text.length, seconds: i, nanoseconds: 0, linkType };
    });
    const file = join(folder, `${linkType}.pcap`);
    writeFileSync(file, pcapFile(true, 0xa1b2c3d4, frames));
    const { differences } = await compareTuples(file);
    for (const { frame } of differences) found.push(ofType[frame - 1]?.[0] ?? "?");
  }
  assert.deepEqual(found.sort(), [...TSHARKS_OWN].sort());
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decodeElfLinks } from "../../../../image/tree/elf.ts";

const NODE = new Uint8Array(readFileSync(process.execPath));

test("decodeElfLinks: of Node.js itself", () =>
  assert.deepEqual(decodeElfLinks(NODE), {
    interpreter: "/lib64/ld-linux-x86-64.so.2",
    needed: [
      "libatomic.so.1",
      "libdl.so.2",
      "libm.so.6",
      "libstdc++.so.6",
      "libgcc_s.so.1",
      "libpthread.so.0",
      "libc.so.6",
      "ld-linux-x86-64.so.2",
    ],
    runPath: undefined,
    opened: [],
  }));

/** A file of one PT_NOTE segment with a note of this content. */
function fileWithNote(content: string): Uint8Array {
  const json = new TextEncoder().encode(`${content}\0`);
  const file = new Uint8Array(64 + 56 + 16 + json.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  view.setBigUint64(32, 64n, true); // e_phoff
  view.setUint16(56, 1, true); // e_phnum
  view.setUint32(64, 4, true); // PT_NOTE
  view.setBigUint64(64 + 8, 120n, true);
  view.setBigUint64(64 + 32, BigInt(16 + json.length), true);
  view.setUint32(120, 4, true);
  view.setUint32(124, json.length, true);
  view.setUint32(128, 0x407c0c0a, true);
  file.set(new TextEncoder().encode("FDO\0"), 132);
  file.set(json, 136);
  return file;
}

test("decodeElfLinks: the note of what is opened while it runs", () =>
  assert.deepEqual(
    decodeElfLinks(fileWithNote('[{"feature":"x","priority":"required","soname":["liba.so.2","liba.so.1"]}]'))?.opened,
    [{ priority: "required", names: ["liba.so.2", "liba.so.1"] }],
  ));

test("decodeElfLinks: a note that is no JSON opens nothing", () =>
  assert.deepEqual(decodeElfLinks(fileWithNote("{["))?.opened, []));

test("decodeElfLinks: other files, and damaged ones, have none", () => {
  assert.equal(decodeElfLinks(new TextEncoder().encode("#!/bin/sh\n")), undefined);
  assert.equal(decodeElfLinks(NODE.subarray(0, 60)), undefined);
  assert.equal(decodeElfLinks(NODE.subarray(0, 100)), undefined);
  const other = NODE.slice(0, 4096);
  other[4] = 1;
  assert.equal(decodeElfLinks(other), undefined);
});

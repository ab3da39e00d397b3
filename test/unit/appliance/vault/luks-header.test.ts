import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { readStoreHeader } from "../../../../appliance/vault/luks-header.ts";

const UUID = "4a1f6d3c-0000-4000-8000-1234567890ab";
const SIZE = 16384;
const MIB = 1024 * 1024;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** One copy by LUKS2 On-Disk Format Specification 1.1.1, section 2.1. */
function copyAt(atOffset: number, uuid: string): Buffer {
  const copy = Buffer.alloc(SIZE);
  copy.write(atOffset === 0 ? "LUKS" : "SKUL", 0, "latin1");
  copy.set([0xba, 0xbe, 0, 2], 4);
  copy.writeBigUInt64BE(BigInt(SIZE), 8);
  copy.write("sha256", 72, "latin1");
  copy.write(uuid, 168, "latin1");
  copy.writeBigUInt64BE(BigInt(atOffset), 256);
  copy.write('{"keyslots":{}}', 4096, "latin1");
  copy.set(sha256(copy), 448);
  return copy;
}

function store(change: (area: Buffer) => void = () => {}, uuids = [UUID, UUID]): Buffer {
  const area = Buffer.alloc(4 * MIB);
  copyAt(0, uuids[0] ?? "").copy(area, 0);
  copyAt(SIZE, uuids[1] ?? "").copy(area, SIZE);
  change(area);
  return area;
}

const WHOLE = { state: "luks2", uuid: UUID, wholeCopies: 2 };
const ONE_COPY = { state: "luks2", uuid: UUID, wholeCopies: 1 };
for (const { name, area, expected } of [
  { name: "whole", area: store(), expected: WHOLE },
  { name: "blank", area: Buffer.alloc(4 * MIB), expected: { state: "none", blank: true } },
  { name: "something else", area: Buffer.alloc(4 * MIB, "ext4"), expected: { state: "none", blank: false } },
  { name: "empty", area: Buffer.alloc(0), expected: { state: "none", blank: true } },
  { name: "first copy zeroed", area: store((a) => a.fill(0, 0, SIZE)), expected: ONE_COPY },
  { name: "second copy zeroed", area: store((a) => a.fill(0, SIZE, 2 * SIZE)), expected: ONE_COPY },
  { name: "a bit of the first copy flipped", area: store((a) => a.fill(1, 5000, 5001)), expected: ONE_COPY },
  {
    name: "a bit of both copies flipped",
    area: store((a) => a.fill(1, 5000, 5001).fill(1, SIZE + 5000, SIZE + 5001)),
    expected: {
      state: "damaged",
      detail: "LUKS header at 0: wrong checksum; LUKS header at 16384: wrong checksum",
    },
  },
  {
    name: "first copy zeroed, second damaged",
    area: store((a) => a.fill(0, 0, SIZE).fill(1, SIZE + 5000, SIZE + 5001)),
    expected: { state: "damaged", detail: "LUKS header at 0: no magic; LUKS header at 16384: wrong checksum" },
  },
  {
    name: "only the magic is left",
    area: store((a) => a.fill(0, 6)),
    expected: { state: "damaged", detail: "LUKS header at 0: version 0" },
  },
  {
    name: "truncated",
    area: store().subarray(0, 100),
    expected: { state: "damaged", detail: "LUKS header at 0: cut off" },
  },
  {
    name: "impossible size",
    area: store((a) => a.fill(0xff, 8, 16).fill(0, SIZE, 2 * SIZE)),
    expected: { state: "damaged", detail: "LUKS header at 0: impossible size" },
  },
  {
    name: "LUKS1",
    area: store((a) => a.fill(0, SIZE, 2 * SIZE).fill(1, 7, 8)),
    expected: { state: "damaged", detail: "LUKS header at 0: version 1" },
  },
  {
    name: "copies of two stores",
    area: store(() => {}, [UUID, UUID.replace("4a1f", "0000")]),
    expected: { state: "damaged", detail: "the two copies of the LUKS header are of different stores" },
  },
])
  test(`readStoreHeader: ${name}`, () => assert.deepEqual(readStoreHeader(area, sha256), expected));

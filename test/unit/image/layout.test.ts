import assert from "node:assert/strict";
import { test } from "node:test";
import { slotUuidsOf } from "../../../core/slot-uuids.ts";
import { planPartitions, renderPartition } from "../../../image/layout.ts";
import { findProfile } from "../../../image/profile.ts";

const ROOT_HASH = "0a93b7f1d351d826ea33062be9c8180395a8a97aaae70af3232251e65d76b766";

test("slotUuidsOf: the two halves of the root hash", () =>
  assert.deepEqual(slotUuidsOf(ROOT_HASH), {
    root: "0a93b7f1-d351-d826-ea33-062be9c81803",
    verity: "95a8a97a-aae7-0af3-2322-51e65d76b766",
  }));

test("planPartitions: ESP, slot A, an empty slot B of the same sizes, state", () => {
  const sizes = { espBytes: 100, rootBytes: 200, verityBytes: 30, stateBytes: 400 };
  const rendered = planPartitions(sizes, {
    version: "1.2.3",
    rootHash: ROOT_HASH,
    espFolder: "/work/esp",
    rootFile: "/work/root.erofs",
    verityFile: "/work/root.verity",
  }).map((partition) => [partition.file, renderPartition(partition)]);
  const root = "Type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
  const verity = "Type=2c7357ed-ebd2-46d9-aec1-23d437ec2bf5";
  assert.deepEqual(rendered, [
    [
      "10-esp.conf",
      "[Partition]\nType=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\nLabel=esp\nSizeMinBytes=100\nSizeMaxBytes=100\nFormat=vfat\nCopyFiles=/work/esp:/\n",
    ],
    [
      "20-root-a.conf",
      `[Partition]\n${root}\nLabel=cepa_1.2.3\nSizeMinBytes=200\nSizeMaxBytes=200\nUUID=0a93b7f1-d351-d826-ea33-062be9c81803\nCopyBlocks=/work/root.erofs\nReadOnly=yes\n`,
    ],
    [
      "21-verity-a.conf",
      `[Partition]\n${verity}\nLabel=cepa_1.2.3_verity\nSizeMinBytes=30\nSizeMaxBytes=30\nUUID=95a8a97a-aae7-0af3-2322-51e65d76b766\nCopyBlocks=/work/root.verity\nReadOnly=yes\n`,
    ],
    ["30-root-b.conf", `[Partition]\n${root}\nLabel=_empty\nSizeMinBytes=200\nSizeMaxBytes=200\nReadOnly=yes\n`],
    ["31-verity-b.conf", `[Partition]\n${verity}\nLabel=_empty\nSizeMinBytes=30\nSizeMaxBytes=30\nReadOnly=yes\n`],
    [
      "40-state.conf",
      "[Partition]\nType=5c4a8e9e-6d0b-4c52-9d5a-c3e0a57a7e01\nLabel=state\nSizeMinBytes=400\nSizeMaxBytes=400\nFormat=ext4\n",
    ],
  ]);
});

test("the hash tree of a full root partition fits into a verity partition", () => {
  const sizes = findProfile("qemu")?.sizes;
  assert.ok(sizes !== undefined);
  // dm-verity, SHA-256, blocks of 4096: 128 hashes a block, so the tree is the sum of ceil(n / 128^k), and a superblock.
  let blocks = sizes.rootBytes / 4096;
  let treeBlocks = 1;
  do {
    blocks = Math.ceil(blocks / 128);
    treeBlocks += blocks;
  } while (blocks > 1);
  assert.ok(treeBlocks * 4096 <= sizes.verityBytes);
});

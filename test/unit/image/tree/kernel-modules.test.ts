import assert from "node:assert/strict";
import { test } from "node:test";
import { closeModules, moduleNameOf, parseModuleIndex } from "../../../../image/tree/kernel-modules.ts";

const INDEX = parseModuleIndex(
  [
    "kernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz kernel/fs/mbcache.ko.xz",
    "kernel/fs/jbd2/jbd2.ko.xz:",
    "kernel/fs/mbcache.ko.xz:",
    "kernel/lib/libcrc32c.ko.xz:",
    "kernel/drivers/net/dummy-net.ko.xz:",
    "",
  ].join("\n"),
  "# Soft dependencies\nsoftdep ext4 pre: libcrc32c post: crypto-lzma\n",
  "kernel/crypto/aes_generic.ko\n",
);

test("closeModules: what is needed follows, wanted too where it is there, and nothing else", () =>
  assert.deepEqual(closeModules(["ext4", "aes-generic"], INDEX), {
    paths: [
      "kernel/fs/ext4/ext4.ko.xz",
      "kernel/fs/jbd2/jbd2.ko.xz",
      "kernel/fs/mbcache.ko.xz",
      "kernel/lib/libcrc32c.ko.xz",
    ],
    missing: [],
  }));

test("closeModules: a name that the kernel lacks is missing; dashes are underscores", () =>
  assert.deepEqual(closeModules(["dummy_net", "ext5"], INDEX), {
    paths: ["kernel/drivers/net/dummy-net.ko.xz"],
    missing: ["ext5"],
  }));

test("moduleNameOf: paths, packed or not", () =>
  assert.deepEqual(["kernel/a/b-c.ko.zst", "b_c.ko", "b-c"].map(moduleNameOf), ["b_c", "b_c", "b_c"]));

import assert from "node:assert/strict";
import { access, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { withImageFile } from "../../image/flash/image-file.ts";

const MIB = 1024 * 1024;
const signal = AbortSignal.timeout(60_000);

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cepa-image-file-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** 64 MiB of zeros with a mark in their midst, and an end that is zero. */
function makeImage(): Buffer {
  const image = Buffer.alloc(64 * MIB);
  image.write("a mark", 33 * MIB + 5);
  return image;
}

test("an image under zstd is unpacked, its zeros take no room, and it is gone afterwards", async () => {
  const image = makeImage();
  const path = join(folder, "image.raw.zst");
  await writeFile(path, zstdCompressSync(image));
  const unpacked = await withImageFile(path, signal, async (file) => {
    assert.notEqual(file, path);
    assert.ok((await stat(file)).blocks * 512 < 4 * MIB);
    assert.ok((await readFile(file)).equals(image));
    return file;
  });
  await assert.rejects(access(unpacked), { code: "ENOENT" });
});

test("an image that isn't compressed is taken as it is", async () => {
  const path = join(folder, "image.raw");
  await writeFile(path, "EFI PART");
  assert.equal(await withImageFile(path, signal, async (file) => file), path);
});

const packed = zstdCompressSync(makeImage());
for (const { name, bytes, message } of [
  { name: "cut short", bytes: packed.subarray(0, packed.length - 20), message: /can't be unpacked: / },
  {
    name: "changed",
    bytes: packed.map((octet, at) => (at === 6 ? octet ^ 0xff : octet)),
    message: /can't be unpacked: /,
  },
  { name: "too large", bytes: packed, message: /unpacks to more than 33554432 octets/ },
])
  test(`an image under zstd that is ${name}`, async () => {
    const path = join(folder, "image.raw.zst");
    await writeFile(path, bytes);
    const most = name === "too large" ? 32 * MIB : undefined;
    await assert.rejects(
      withImageFile(path, signal, async () => assert.fail("it was taken"), most),
      { name: "FlashError", code: "badImage", message },
    );
  });

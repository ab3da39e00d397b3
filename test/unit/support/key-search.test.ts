import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { searchFile, secretForms } from "../../support/key-search.ts";

const MIB = 1024 * 1024;

test("every form of a secret is found, across chunk borders too, and nothing where there is none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cepa-search-"));
  const path = join(folder, "disk.raw");
  const secret = randomBytes(32);
  const forms = secretForms("share", secret);
  const plantings: (readonly [number, Buffer])[] = [
    [8 * MIB - 5, secret],
    [12 * MIB, Buffer.from(secret.toString("hex"))],
    [16 * MIB - 40, Buffer.from(secret.toString("hex").toUpperCase())],
    [20 * MIB, Buffer.from(Buffer.concat([Buffer.from("{"), secret, Buffer.from("}")]).toString("base64"))],
  ];
  try {
    const file = await open(path, "w");
    await file.truncate(32 * MIB);
    await file.write(randomBytes(MIB), 0, MIB, 2 * MIB);
    await file.sync();
    assert.deepEqual(await searchFile(path, forms), []);
    for (const [offsetBytes, bytes] of plantings) await file.write(bytes, 0, bytes.length, offsetBytes);
    await file.close();
    const found = await searchFile(path, forms);
    assert.deepEqual(
      found.map(({ name }) => name).sort(),
      ["share HEX", "share base64+1", "share hex", "share raw"].sort(),
    );
    assert.equal(found.find(({ name }) => name === "share raw")?.offsetBytes, 8 * MIB - 5);
  } finally {
    await rm(folder, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeFolder } from "../../../core/node/make-folder.ts";

test("makeFolder: all that is missing, and a reason where there can be none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cepa-folder-"));
  try {
    await makeFolder(join(folder, "a/b"), 0o700);
    await makeFolder(join(folder, "a/b"), 0o700);
    assert.equal((await stat(join(folder, "a/b"))).mode & 0o777, 0o700);
    await writeFile(join(folder, "file"), "");
    await assert.rejects(makeFolder(join(folder, "file"), 0o700), /there is a file of this name/);
    await assert.rejects(makeFolder("/proc/cepa/x", 0o700), { code: "ENOENT" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

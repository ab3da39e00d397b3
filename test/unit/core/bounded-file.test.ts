import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readBoundedFile } from "../../../core/node/bounded-file.ts";

const folder = mkdtempSync(join(tmpdir(), "cepa-bounded-"));
after(() => rmSync(folder, { recursive: true }));
const read = async (name: string) => Buffer.from(await readBoundedFile(join(folder, name), 4)).toString();

test("a file, up to its limit; a pipe, a folder: nothing; a link, and what is not there: an error", async () => {
  for (const text of ["", "abc", "abcd", "abcde"]) {
    writeFileSync(join(folder, "file"), text);
    assert.equal(await read("file"), text.slice(0, 4));
  }
  execFileSync("mkfifo", [join(folder, "pipe")]);
  mkdirSync(join(folder, "folder"));
  symlinkSync("file", join(folder, "link"));
  assert.deepEqual([await read("pipe"), await read("folder")], ["", ""]);
  await assert.rejects(read("link"), { code: "ELOOP" });
  await assert.rejects(read("nothing"), { code: "ENOENT" });
});

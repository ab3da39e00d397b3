import assert from "node:assert/strict";
import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeWholeFile } from "../../../core/node/whole-file.ts";

const folder = await mkdtemp(join(tmpdir(), "cepa-whole-"));
after(() => rm(folder, { recursive: true }));

async function* chunks(...texts: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield Buffer.from(text);
  }
}

test("writeWholeFile: a file has all that was sent, or what it had before", async () => {
  const path = join(folder, "session.pcap");
  await writeFile(path, "before");
  await assert.rejects(writeWholeFile(path, chunks(new Error("no store"))), { message: "no store" });
  await assert.rejects(writeWholeFile(path, chunks("half", new Error("cut off"))), { message: "cut off" });
  assert.deepEqual([await readFile(path, "utf8"), await readdir(folder)], ["before", ["session.pcap"]]);
  assert.equal(await writeWholeFile(path, chunks("one ", "two")), 7);
  assert.deepEqual([await readFile(path, "utf8"), await readdir(folder)], ["one two", ["session.pcap"]]);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test("writeWholeFile: a device is not replaced", async () => {
  const path = join(folder, "device");
  await symlink("/dev/null", path);
  assert.equal(await writeWholeFile(path, chunks("gone")), 4);
  assert.ok((await stat(path)).isCharacterDevice());
});

test("writeWholeFile: a link to a file stays one, as /dev/stdout is", async () => {
  const [path, file] = [join(folder, "link"), join(folder, "linked.pcap")];
  await writeFile(file, "before");
  await symlink(file, path);
  await writeWholeFile(path, chunks("after"));
  assert.deepEqual([await readFile(file, "utf8"), (await lstat(path)).isSymbolicLink()], ["after", true]);
});

test("writeWholeFile: nobody's file of the other name is overwritten, nor followed where it is a link", async () => {
  const path = join(folder, "busy.pcap");
  await writeFile(`${path}.part`, "of another");
  await assert.rejects(writeWholeFile(path, chunks("mine")), /busy\.pcap\.part is there: another is at it/);
  assert.equal(await readFile(`${path}.part`, "utf8"), "of another");
});

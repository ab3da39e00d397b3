import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkRoot, loadRootCheck, parseVerityStatus, rootCheckFile } from "../../appliance/health/root-check.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { type Exec, ExecError } from "../../core/ports.ts";

const folder = mkdtempSync(join(tmpdir(), "cepa-root-"));
after(() => rmSync(folder, { recursive: true }));
const never = new AbortController().signal;
const data = join(folder, "data");
const tree = join(folder, "tree");
const BLOCK_BYTES = 4096;
const BLOCKS = 64;

async function format(): Promise<string> {
  writeFileSync(data, Buffer.alloc(BLOCKS * BLOCK_BYTES, "cepa"));
  const { stdout } = await nodeExec("veritysetup", ["format", data, tree], never);
  return /Root hash:\s+([0-9a-f]{64})/.exec(stdout)?.[1] ?? "";
}

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte.writeUInt8(byte.readUInt8() ^ 1);
  await file.write(byte, 0, 1, at);
  await file.close();
}

/** As veritysetup 2.7 says it of a device that is open; here there is none, the files stand for its partitions. */
function status(rootHash: string): string {
  return `/dev/mapper/root is active and is in use.
  type:        VERITY
  status:      verified
  hash type:   1
  data block:  4096
  hash block:  4096
  hash name:   sha256
  salt:        ce9ace9ace9ace9ace9ace9ace9ace9ace9ace9ace9ace9ace9ace9ace9ace9a
  data device: /dev/vda2
  size:        344064 [512-byte units]
  mode:        readonly
  hash device: /dev/vda3
  hash offset: 8 [512-byte units]
  root hash:   ${rootHash}
  flags:       panic_on_corruption
`;
}

/** veritysetup's own verification, of the files. */
function execOf(rootHash: string): Exec {
  return (program, args, signal, options) => {
    if (program === "blockdev") return Promise.resolve({ stdout: "", stderr: "" });
    if (args[0] === "status") return Promise.resolve({ stdout: status(rootHash), stderr: "" });
    assert.deepEqual([program, args[0], args[1], args[2]], ["veritysetup", "verify", "/dev/vda2", "/dev/vda3"]);
    return nodeExec(program, ["verify", data, tree, args[3] ?? ""], signal, options);
  };
}

test("whole, until one bit of a block or of the tree is another", async () => {
  const exec = execOf(await format());
  const check = () => checkRoot(exec, nodeClock, never);
  assert.deepEqual({ ...(await check()), atMs: 0 }, { atMs: 0, result: "whole", detail: "" });
  for (const [path, at] of [
    [data, 37 * BLOCK_BYTES + 5],
    [tree, BLOCK_BYTES + 40],
  ] as const) {
    await flip(path, at);
    const { result, detail } = await check();
    assert.deepEqual([result, /^Verification .*failed/.test(detail)], ["damaged", true], detail);
    await flip(path, at);
    assert.equal((await check()).result, "whole");
  }
});

test("what can't be told is said to be that, not damage", async () => {
  const none: Exec = () => Promise.reject(new ExecError("veritysetup", 4, "", "Device root not found\n"));
  const { result, detail } = await checkRoot(none, nodeClock, never);
  assert.deepEqual({ result, detail }, { result: "failed", detail: "Device root not found" });
  assert.equal(parseVerityStatus("/dev/mapper/root is inactive.\n"), undefined);
  rmSync(tree);
  assert.equal((await checkRoot(execOf("0".repeat(64)), nodeClock, never)).result, "failed");
});

test("the last result is read back; anything else is none", async () => {
  assert.equal(await loadRootCheck(folder), null);
  const check = { atMs: 5, result: "damaged", detail: "x" };
  writeFileSync(rootCheckFile(folder), JSON.stringify(check));
  assert.deepEqual(await loadRootCheck(folder), check);
  for (const text of ["", "{", "null", '{"atMs":1,"result":"fine","detail":""}']) {
    writeFileSync(rootCheckFile(folder), text);
    assert.equal(await loadRootCheck(folder), null, text);
  }
});

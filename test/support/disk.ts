import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { nodeExec } from "../../core/node/exec.ts";
import { findPartition } from "../../scripts/rig/disk-image.ts";

/** Where on `disk` the root file system of slot A has the first octets of a file, by erofs-utils' dump.erofs. */
export async function findFileOnDisk(
  disk: string,
  path: string,
  image: { readonly inTools: readonly string[]; readonly rootFile: string },
): Promise<number> {
  const [program = "", ...args] = image.inTools;
  const dump = [...args, "dump.erofs", `--path=${path}`, "-e", image.rootFile];
  const { stdout } = await nodeExec(program, dump, AbortSignal.timeout(60_000));
  const physical = /^\s*0:\s+\d+\.\.\s*\d+ \|\s+\d+ :\s+(\d+)\.\./m.exec(stdout)?.[1];
  assert.ok(physical !== undefined, stdout);
  return (await findPartition(disk, /^cepa_/)).offsetBytes + Number(physical);
}

/** One bit of a disk becomes another. */
export async function flipBit(disk: string, offsetBytes: number): Promise<void> {
  const file = await open(disk, "r+");
  try {
    const octet = Buffer.alloc(1);
    await file.read(octet, 0, 1, offsetBytes);
    await file.write(Buffer.of(octet.readUInt8() ^ 1), 0, 1, offsetBytes);
  } finally {
    await file.close();
  }
}

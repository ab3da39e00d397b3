import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { nodeExec } from "../../core/node/exec.ts";
import { decodeGpt, GPT_BYTES } from "../../image/flash/gpt.ts";

export interface PartitionPlace {
  readonly label: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export async function partitionsOf(disk: string): Promise<readonly PartitionPlace[]> {
  const file = await open(disk, "r");
  try {
    const table = Buffer.alloc(GPT_BYTES);
    await file.read(table, 0, GPT_BYTES, 0);
    const partitions = decodeGpt(table);
    assert.ok(partitions.ok);
    return partitions.value;
  } finally {
    await file.close();
  }
}

/** The first partition of a disk whose label fits. */
export async function findPartition(disk: string, label: RegExp): Promise<PartitionPlace> {
  const found = (await partitionsOf(disk)).find((partition) => label.test(partition.label));
  assert.ok(found, `the disk has a partition ${label}`);
  return found;
}

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

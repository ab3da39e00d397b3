import { open } from "node:fs/promises";
import { nodeExec } from "../../core/node/exec.ts";
import { decodeGpt, GPT_BYTES } from "../../image/flash/gpt.ts";

const COPY_TIMEOUT_MS = 300_000;

export interface PartitionPlace {
  readonly label: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** Of a raw disk image. */
export async function partitionsOf(disk: string): Promise<readonly PartitionPlace[]> {
  const file = await open(disk, "r");
  try {
    const table = Buffer.alloc(GPT_BYTES);
    await file.read(table, 0, GPT_BYTES, 0);
    const partitions = decodeGpt(table);
    if (!partitions.ok) throw new Error(`${disk} has no partition table`);
    return partitions.value;
  } finally {
    await file.close();
  }
}

/** The first partition of a disk whose label fits. */
export async function findPartition(disk: string, label: RegExp): Promise<PartitionPlace> {
  const found = (await partitionsOf(disk)).find((partition) => label.test(partition.label));
  if (found === undefined) throw new Error(`${disk} has no partition ${label}`);
  return found;
}

/** A disk's copy that takes no more room than what is on it. */
export async function copySparse(from: string, to: string): Promise<void> {
  await nodeExec("cp", ["--sparse=always", from, to], AbortSignal.timeout(COPY_TIMEOUT_MS));
}

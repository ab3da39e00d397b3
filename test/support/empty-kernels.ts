import { open } from "node:fs/promises";
import type { PartitionPlace } from "../../scripts/rig/disk-image.ts";
import { applyChange, type BlockLog, readWhole, writeWhole } from "./block-log.ts";
import { type EspKernel, kernelsAt } from "./esp-kernels.ts";
import type { PowerCut, RequestRange } from "./power-cuts.ts";

const PIECE_BYTES = 1024 * 1024;

/**
 * Moments of a range at which a kernel has its name on the ESP and no content, when of the writes since the last flush all are lost: one for
 * each such name, the first. FAT renames in this way: the new name, empty; a flush; then size and content. `scratch` becomes the ESP.
 */
export async function findEmptyKernels(
  log: BlockLog,
  before: string,
  { from, to }: RequestRange,
  esp: PartitionPlace,
  scratch: string,
): Promise<readonly PowerCut[]> {
  const found = new Map<string, PowerCut>();
  await copyPartition(before, esp, scratch);
  const [octets, copy] = [await open(log.path, "r"), await open(scratch, "r+")];
  const isOnEsp = (offsetBytes: number) =>
    offsetBytes >= esp.offsetBytes && offsetBytes < esp.offsetBytes + esp.sizeBytes;
  let applied = 0;
  try {
    for (const [index, flush] of log.entries.slice(0, to).entries()) {
      if (flush.kind !== "flush") continue;
      let isChanged = false;
      for (; applied < flush.coveredRequests; applied++) {
        const change = log.entries[applied];
        if (change === undefined || change.kind === "flush" || !isOnEsp(change.offsetBytes)) continue;
        await applyChange(change, octets, copy, esp.offsetBytes);
        isChanged = true;
      }
      if (!isChanged || index < from) continue;
      for (const name of emptyNames(await kernelsAt(scratch)))
        if (!found.has(name))
          found.set(name, { requests: index + 1, place: `esp: ${name} has no content yet`, losesAll: true });
    }
  } finally {
    await octets.close();
    await copy.close();
  }
  return [...found.values()];
}

function emptyNames(kernels: readonly EspKernel[]): readonly string[] {
  return kernels.filter(({ sizeBytes }) => sizeBytes === 0).map(({ name }) => name);
}

async function copyPartition(disk: string, { offsetBytes, sizeBytes }: PartitionPlace, to: string): Promise<void> {
  const [from, copy] = [await open(disk, "r"), await open(to, "w")];
  try {
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      const pieceBytes = Math.min(PIECE_BYTES, sizeBytes - at);
      await writeWhole(copy, await readWhole(from, offsetBytes + at, pieceBytes), at);
    }
  } finally {
    await from.close();
    await copy.close();
  }
}

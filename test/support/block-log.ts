import { open } from "node:fs/promises";
import { copySparse } from "../../scripts/rig/disk-image.ts";

/**
 * What QEMU's `blklogwrites` wrote down of a disk. The format is that of Linux's dm-log-writes (Documentation/admin-guide/device-mapper/
 * log-writes.rst, drivers/md/dm-log-writes.c): a superblock, then for each request a sector with its head, and behind it what was written.
 */
export interface BlockLog {
  readonly path: string;
  readonly entries: readonly LoggedRequest[];
}

export interface LoggedRequest {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** All that was written before is on the disk once this is. */
  readonly isFlush: boolean;
  /** On the disk as soon as it is done, whatever is not. */
  readonly isForced: boolean;
  /** The octets may read as anything, and have none here. */
  readonly isDiscard: boolean;
  /** Of what was written, in the log. */
  readonly dataAt: number;
  /** End of the request in the log. */
  readonly endsAt: number;
}

const MAGIC = 0x6a736677736872n;
const [FLUSH, FORCED, DISCARD] = [1, 2, 4];
const HEAD_BYTES = 32;

export async function readBlockLog(path: string): Promise<BlockLog> {
  const file = await open(path, "r");
  try {
    const { size: logBytes } = await file.stat();
    const head = Buffer.alloc(HEAD_BYTES);
    await file.read(head, 0, HEAD_BYTES, 0);
    if (head.readBigUInt64LE(0) !== MAGIC || head.readBigUInt64LE(8) !== 1n)
      throw new Error(`${path} is no log of writes of version 1`);
    const count = Number(head.readBigUInt64LE(16));
    const sectorBytes = head.readUInt32LE(24);
    const entries: LoggedRequest[] = [];
    let at = sectorBytes;
    while (entries.length < count) {
      await file.read(head, 0, HEAD_BYTES, at);
      const flags = Number(head.readBigUInt64LE(16));
      const sizeBytes = Number(head.readBigUInt64LE(8)) * sectorBytes;
      const dataAt = at + sectorBytes;
      const isDiscard = (flags & DISCARD) !== 0;
      at = dataAt + (isDiscard ? 0 : sizeBytes);
      const isNone = sizeBytes === 0 && flags === 0;
      if (isNone || at > logBytes)
        throw new Error(`${path} has ${entries.length} of ${count} requests, then what is none`);
      entries.push({
        ...{ offsetBytes: Number(head.readBigUInt64LE(0)) * sectorBytes, sizeBytes, isDiscard, dataAt, endsAt: at },
        ...{ isFlush: (flags & FLUSH) !== 0, isForced: (flags & FORCED) !== 0 },
      });
    }
    return { path, entries };
  } finally {
    await file.close();
  }
}

/**
 * The disk as it is when the power is cut after so many requests: `disk` becomes `before` with what was flushed by then, and of the rest
 * what `survives`.
 */
export async function cutPowerAfter(
  requests: number,
  log: BlockLog,
  before: string,
  disk: string,
  survives: (request: LoggedRequest) => boolean,
): Promise<void> {
  await copySparse(before, disk);
  const done = log.entries.slice(0, requests);
  const flushed = done.findLastIndex(({ isFlush }) => isFlush);
  const [from, to] = [await open(log.path, "r"), await open(disk, "r+")];
  try {
    for (const [index, request] of done.entries()) {
      const { offsetBytes, sizeBytes, isDiscard, isForced, dataAt } = request;
      if (isDiscard || sizeBytes === 0) continue;
      if (index > flushed && !isForced && !survives(request)) continue;
      const octets = Buffer.alloc(sizeBytes);
      await from.read(octets, 0, sizeBytes, dataAt);
      await to.write(octets, 0, sizeBytes, offsetBytes);
    }
  } finally {
    await from.close();
    await to.close();
  }
}

import { type FileHandle, open } from "node:fs/promises";
import type { Exec } from "../../core/ports.ts";
import { FlashError } from "./flash-error.ts";
import type { Extent, FlashPlan, FlashTarget } from "./flash-plan.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** `what` is being done, `doneBytes` of `totalBytes` of it. */
export type FlashProgress = (what: "write" | "compare", doneBytes: number, totalBytes: number) => void;

/** Writes the image to the target, flushes, reads all of it back and compares. Throws a FlashError. */
export async function writeDisk(
  imagePath: string,
  target: FlashTarget,
  plan: FlashPlan,
  exec: Exec,
  progress: FlashProgress,
  signal: AbortSignal,
): Promise<void> {
  const image = await open(imagePath, "r");
  const disk = await open(target.path, target.kind === "file" ? "w+" : "r+", 0o600).catch(async (cause: Error) => {
    await image.close();
    throw new FlashError("badTarget", `${target.path} can't be written: ${cause.message}`, { cause });
  });
  try {
    if (target.kind === "file") await disk.truncate(target.sizeBytes);
    const onDevice = target.kind === "device";
    const pieces = [
      ...plan.wipes.map((extent) => ({ from: undefined, extent })),
      ...plan.copies.map((extent) => ({ from: image, extent })),
    ];
    const totalBytes = pieces.reduce((sum, { extent }) => sum + extent.sizeBytes, 0);
    let doneBytes = 0;
    for (const { from, extent } of pieces)
      await eachChunk(from, extent, signal, async (chunk, atBytes) => {
        if (onDevice || !isZero(chunk)) await writeAll(disk, chunk, atBytes);
        doneBytes += chunk.length;
        progress("write", doneBytes, totalBytes);
      });
    await disk.sync();
    if (onDevice) await exec("blockdev", ["--flushbufs", target.path], signal); // so that what is read comes from the disk
    doneBytes = 0;
    const read = Buffer.alloc(CHUNK_BYTES);
    for (const { from, extent } of pieces)
      await eachChunk(from, extent, signal, async (chunk, atBytes) => {
        const back = read.subarray(0, chunk.length);
        await readAll(disk, back, atBytes);
        if (!back.equals(chunk))
          throw new FlashError(
            "differs",
            `${target.path}: what was read back near octet ${atBytes} is not what was written`,
          );
        doneBytes += chunk.length;
        progress("compare", doneBytes, totalBytes);
      });
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof FlashError) throw cause;
    const message = `${target.path}: ${(cause as Error).message}; it is not whole now: flash it again`;
    throw new FlashError("toolFailed", message, { cause });
  } finally {
    for (const file of [image, disk]) await file.close();
  }
}

/** Octets of `from`, or zeros, in chunks; each has the same place in both. */
async function eachChunk(
  from: FileHandle | undefined,
  extent: Extent,
  signal: AbortSignal,
  use: (chunk: Buffer, atBytes: number) => Promise<void>,
): Promise<void> {
  const buffer = from === undefined ? ZEROS : Buffer.alloc(CHUNK_BYTES);
  for (let done = 0; done < extent.sizeBytes; done += CHUNK_BYTES) {
    signal.throwIfAborted();
    const chunk = buffer.subarray(0, Math.min(CHUNK_BYTES, extent.sizeBytes - done));
    if (from !== undefined) await readAll(from, chunk, extent.offsetBytes + done);
    await use(chunk, extent.offsetBytes + done);
  }
}

async function readAll(file: FileHandle, into: Buffer, atBytes: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, atBytes + done);
    if (bytesRead === 0) throw new FlashError("differs", `ends at octet ${atBytes + done}`);
    done += bytesRead;
  }
}

export async function writeAll(file: FileHandle, from: Buffer, atBytes: number): Promise<void> {
  for (let done = 0; done < from.length; ) {
    const { bytesWritten } = await file.write(from, done, from.length - done, atBytes + done);
    done += bytesWritten;
  }
}

/** Of at most 4 MiB. */
export function isZero(chunk: Buffer): boolean {
  return chunk.equals(ZEROS.subarray(0, chunk.length));
}

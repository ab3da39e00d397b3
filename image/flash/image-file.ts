import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { FlashError } from "./flash-error.ts";
import { isZero, writeAll } from "./write-disk.ts";

/** RFC 8878, section 3.1.1. */
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** More than an image may have: what decompresses to more is none. */
const IMAGE_MAX_BYTES = 16 * 1024 ** 3;

/**
 * Gives `body` the path of the image; one under zstd is first unpacked into a file without what is zero, which goes afterwards. Throws
 * a FlashError when it can't be.
 */
export async function withImageFile<T>(
  path: string,
  signal: AbortSignal,
  body: (path: string) => Promise<T>,
  maxBytes = IMAGE_MAX_BYTES,
): Promise<T> {
  if (!(await isCompressed(path))) return body(path);
  const folder = await mkdtemp(join(tmpdir(), "cepa-image-"));
  try {
    const unpacked = join(folder, "image.raw");
    await unpack(path, unpacked, maxBytes, signal);
    return await body(unpacked);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What can't be read is no concern here: who reads it next says why. */
async function isCompressed(path: string): Promise<boolean> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return false;
  try {
    const start = Buffer.alloc(ZSTD_MAGIC.length);
    await file.read(start, 0, start.length, 0);
    return start.equals(ZSTD_MAGIC);
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

async function unpack(from: string, to: string, maxBytes: number, signal: AbortSignal): Promise<void> {
  const file = await open(to, "wx", 0o600);
  try {
    let sizeBytes = 0;
    await pipeline(
      createReadStream(from),
      createZstdDecompress({ chunkSize: 1024 * 1024 }),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) {
          if (sizeBytes + chunk.length > maxBytes)
            throw new FlashError("badImage", `${from} unpacks to more than ${maxBytes} octets: it is no image of Cepa`);
          if (!isZero(chunk)) await writeAll(file, chunk, sizeBytes);
          sizeBytes += chunk.length;
        }
      },
      { signal },
    );
    await file.truncate(sizeBytes);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof FlashError) throw cause;
    throw new FlashError("badImage", `${from} can't be unpacked: ${(cause as Error).message}`, { cause });
  } finally {
    await file.close();
  }
}

import { constants } from "node:fs";
import { open } from "node:fs/promises";

/**
 * What is in a file that another user may have put there, or anything else in its place: no link is followed, no pipe waited for, and no more
 * than `maxBytes` are read. Rejects with the error of the file system; what is no file is empty.
 */
export async function readBoundedFile(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    if (!(await file.stat()).isFile()) return new Uint8Array();
    const octets = Buffer.alloc(maxBytes);
    let length = 0;
    while (length < maxBytes) {
      const { bytesRead } = await file.read(octets, length, maxBytes - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return octets.subarray(0, length);
  } finally {
    await file.close();
  }
}

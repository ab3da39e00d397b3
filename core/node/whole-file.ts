import { open, realpath, rename, rm, stat } from "node:fs/promises";

/**
 * Writes a file of `chunks`, as PATH.part until it is whole: what was there before stays until then, and a file under its own name has all
 * of them. A link to a file stays one; a pipe or a device is written as it is. Resolves to how many octets it got; rejects where there is a
 * PATH.part.
 */
export async function writeWholeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const there = await stat(path).catch(() => undefined);
  const isReplaced = there === undefined || there.isFile();
  const target = there?.isFile() ? await realpath(path) : path;
  const written = isReplaced ? `${target}.part` : path;
  const file = await open(written, isReplaced ? "wx" : "w", 0o600).catch((cause: NodeJS.ErrnoException) => {
    if (!isReplaced || cause.code !== "EEXIST") throw cause;
    const message = `${written} is there: another is at it, or was cut off; when none is, remove it`;
    throw new Error(message, { cause });
  });
  let lengthBytes = 0;
  try {
    for await (const chunk of chunks) {
      await file.writeFile(chunk); // from where it is, and all of the chunk
      lengthBytes += chunk.length;
    }
    await file.close();
    if (isReplaced) await rename(written, target);
  } catch (error) {
    await file.close().catch(() => {});
    if (isReplaced) await rm(written, { force: true });
    throw error;
  }
  return lengthBytes;
}

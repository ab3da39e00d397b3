import { open, rename, rm, stat } from "node:fs/promises";

/**
 * Writes a file of `chunks`, as PATH.part until it is whole: what was there before stays until then, and a file under its own name has all
 * of them. A pipe or a device is written as it is. Resolves to how many octets it got.
 */
export async function writeWholeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const there = await stat(path).catch(() => undefined);
  const isReplaced = there === undefined || there.isFile();
  const written = isReplaced ? `${path}.part` : path;
  const file = await open(written, "w", 0o600);
  let lengthBytes = 0;
  try {
    for await (const chunk of chunks) {
      await file.writeFile(chunk); // from where it is, and all of the chunk
      lengthBytes += chunk.length;
    }
    await file.close();
    if (isReplaced) await rename(written, path);
  } catch (error) {
    await file.close().catch(() => {});
    if (isReplaced) await rm(written, { force: true });
    throw error;
  }
  return lengthBytes;
}

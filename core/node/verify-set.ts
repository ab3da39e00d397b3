import { createHash, type KeyObject, verify } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { UpdateRefusedError } from "../contract/update-refusal.ts";
import {
  contentFilesOf,
  DESCRIPTION_FILE,
  parseSums,
  parseUpdateDescription,
  SIGNATURE_FILE,
  SMALL_LIMIT_BYTES,
  SUMS_FILE,
  type UpdateDescription,
} from "../contract/update-set.ts";

const CHUNK_BYTES = 1024 * 1024;

export interface VerifiedSet {
  readonly description: UpdateDescription;
  /** SHA-256 of each file that SHA256SUMS names. */
  readonly hashes: ReadonlyMap<string, string>;
}

export interface VerifySetOptions {
  /** Called once the description is known to be signed, before any large file is read; throws an UpdateRefusedError. */
  readonly judge?: (description: UpdateDescription) => void | Promise<void>;
  /**
   * A folder that is there and empty, and that nobody else writes: gets a copy of each file, made of the same octets that were checked,
   * and flushed. Without, `folder` may have no file beside those of a set.
   */
  readonly copyTo?: string;
}

/**
 * Checks the set in `folder`, which may be in hostile hands: names come from what is signed, every file is opened once and is a plain one,
 * and no more is read of it than its signed size. Throws an UpdateRefusedError, or what the file system throws.
 */
export async function verifySet(
  folder: string,
  key: KeyObject,
  options: VerifySetOptions,
  signal: AbortSignal,
): Promise<VerifiedSet> {
  // All files are opened by way of this one folder, wherever its name leads to in the meantime.
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(
    (cause) => {
      throw new UpdateRefusedError("missingFile", `${folder}: no folder that can be read (${cause.code})`, { cause });
    },
  );
  try {
    return await verifyOpened(`/proc/self/fd/${handle.fd}`, key, options, signal);
  } finally {
    await handle.close();
  }
}

/** The hashes of what is signed. Throws an UpdateRefusedError. */
export function verifySums(
  sums: Uint8Array,
  signatureText: string | undefined,
  key: KeyObject,
): ReadonlyMap<string, string> {
  if (signatureText === undefined) throw new UpdateRefusedError("unsigned", `there is no ${SIGNATURE_FILE}`);
  const isForm = /^[A-Za-z0-9+/]{86}==\n?$/.test(signatureText);
  if (!isForm || !verify(null, sums, key, Buffer.from(signatureText, "base64")))
    throw new UpdateRefusedError("badSignature", `${SUMS_FILE} is not signed with the key that this image trusts`);
  const hashes = parseSums(Buffer.from(sums).toString("latin1"));
  if (hashes === undefined) throw new UpdateRefusedError("badDescription", `${SUMS_FILE} is no list of hashes`);
  return hashes;
}

/** What `octets` of update.json say, when they are those of `hashes`. Throws an UpdateRefusedError. */
export function verifyDescription(octets: Uint8Array, hashes: ReadonlyMap<string, string>): UpdateDescription {
  if (createHash("sha256").update(octets).digest("hex") !== hashes.get(DESCRIPTION_FILE))
    throw new UpdateRefusedError("wrongHash", `${DESCRIPTION_FILE} is not what was signed`);
  const description = describe(octets);
  const names = [DESCRIPTION_FILE, ...contentFilesOf(description).map(({ name }) => name)];
  if (names.length !== hashes.size || !names.every((name) => hashes.has(name)))
    throw new UpdateRefusedError("badDescription", `${SUMS_FILE} does not name the files of ${description.version}`);
  return description;
}

function describe(octets: Uint8Array): UpdateDescription {
  try {
    return parseUpdateDescription(Buffer.from(octets).toString("utf8"));
  } catch (cause) {
    throw new UpdateRefusedError("badDescription", (cause as Error).message, { cause });
  }
}

async function verifyOpened(
  folder: string,
  key: KeyObject,
  { judge, copyTo }: VerifySetOptions,
  signal: AbortSignal,
): Promise<VerifiedSet> {
  const copyOf = (name: string) => (copyTo === undefined ? undefined : join(copyTo, name));
  const readSmall = (name: keyof typeof SMALL_LIMIT_BYTES) =>
    withFile(folder, name, async (file, sizeBytes) => {
      if (sizeBytes > SMALL_LIMIT_BYTES[name])
        throw new UpdateRefusedError(
          "wrongSize",
          `${name} has ${sizeBytes} octets, at most ${SMALL_LIMIT_BYTES[name]} are right`,
        );
      const octets = Buffer.alloc(SMALL_LIMIT_BYTES[name]);
      const { bytesRead } = await file.read(octets, 0, octets.length, 0);
      return octets.subarray(0, bytesRead);
    });
  const sums = await readSmall(SUMS_FILE);
  const signature = await readSmall(SIGNATURE_FILE).catch((error: unknown) => {
    if (error instanceof UpdateRefusedError && error.code === "missingFile") return undefined;
    throw error;
  });
  const hashes = verifySums(sums, signature?.toString("latin1"), key);
  const octets = await readSmall(DESCRIPTION_FILE);
  const description = verifyDescription(octets, hashes);
  await judge?.(description);
  if (copyTo === undefined) await refuseOthers(folder, [...hashes.keys(), SUMS_FILE, SIGNATURE_FILE]);
  for (const [name, content] of [
    [SUMS_FILE, sums],
    [SIGNATURE_FILE, signature ?? Buffer.alloc(0)],
    [DESCRIPTION_FILE, octets],
  ] as const)
    await copyWhole(content, copyOf(name));
  for (const { name, sizeBytes } of contentFilesOf(description)) {
    const hash = await withFile(folder, name, (file, foundBytes) => {
      if (foundBytes !== sizeBytes) throw wrongSize(name, sizeBytes, foundBytes);
      return hashFile(file, { name, sizeBytes }, copyOf(name), signal);
    });
    if (hash !== hashes.get(name)) throw new UpdateRefusedError("wrongHash", `${name} is not what was signed`);
  }
  return { description, hashes };
}

function wrongSize(name: string, sizeBytes: number, foundBytes: number): UpdateRefusedError {
  const how = foundBytes < sizeBytes ? "cut off" : "too long";
  return new UpdateRefusedError("wrongSize", `${name} is ${how}: ${foundBytes} octets, ${sizeBytes} were signed`);
}

async function refuseOthers(folder: string, names: readonly string[]): Promise<void> {
  const other = (await readdir(folder)).find((name) => !names.includes(name));
  if (other !== undefined)
    throw new UpdateRefusedError(
      "unexpectedFile",
      `${JSON.stringify(other)} is not of the set; nothing else may be there`,
    );
}

/** Opens a plain file of `folder`: no link is followed, and neither a FIFO nor a device waits. */
async function withFile<T>(
  folder: string,
  name: string,
  body: (file: FileHandle, sizeBytes: number) => Promise<T>,
): Promise<T> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
  const file = await open(join(folder, name), flags).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") throw new UpdateRefusedError("missingFile", `there is no ${name}`, { cause });
    if (cause.code === "ELOOP" || cause.code === "ENXIO" || cause.code === "ENODEV") throw notAFile(name, cause);
    throw cause;
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) throw notAFile(name);
    return await body(file, status.size);
  } finally {
    await file.close();
  }
}

function notAFile(name: string, cause?: Error): UpdateRefusedError {
  return new UpdateRefusedError("notAFile", `${name} is a link, a folder or a device, not a file`, { cause });
}

/** SHA-256 of the first `sizeBytes` octets; each is read once, hashed, and written where a copy is wanted. */
async function hashFile(
  file: FileHandle,
  { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
  copyPath: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const copy = copyPath === undefined ? undefined : await open(copyPath, "wx", 0o644);
  try {
    const hash = createHash("sha256");
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, sizeBytes));
    for (let at = 0; at < sizeBytes; ) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, sizeBytes - at), at);
      if (bytesRead === 0) throw wrongSize(name, sizeBytes, at);
      hash.update(chunk.subarray(0, bytesRead));
      await copy?.writeFile(chunk.subarray(0, bytesRead));
      at += bytesRead;
    }
    await copy?.sync();
    return hash.digest("hex");
  } finally {
    await copy?.close();
  }
}

async function copyWhole(content: Uint8Array, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const file = await open(path, "wx", 0o644);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

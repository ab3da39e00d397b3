import { createHash, type KeyObject, verify } from "node:crypto";
import { open } from "node:fs/promises";
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
import { type SetSource, type SourceFile, withFolderSource } from "./set-source.ts";

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
   * and flushed. Without, nothing may be there beside the files of a set.
   */
  readonly copyTo?: string;
}

/** Checks the set in a folder. Throws an UpdateRefusedError, or what the file system throws. */
export async function verifySet(
  folder: string,
  key: KeyObject,
  options: VerifySetOptions,
  signal: AbortSignal,
): Promise<VerifiedSet> {
  return withFolderSource(folder, (source) => verifySource(source, key, options, signal));
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

/**
 * Checks a set which may be in hostile hands: names come from what is signed, every file is opened once and is a plain one, and no more
 * is read of it than its signed size. Throws an UpdateRefusedError, or what reading throws.
 */
export async function verifySource(
  source: SetSource,
  key: KeyObject,
  { judge, copyTo }: VerifySetOptions,
  signal: AbortSignal,
): Promise<VerifiedSet> {
  const copyOf = (name: string) => (copyTo === undefined ? undefined : join(copyTo, name));
  const readSmall = (name: keyof typeof SMALL_LIMIT_BYTES) =>
    source.withFile(name, async (file, sizeBytes) => {
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
  if (copyTo === undefined) await refuseOthers(source, [...hashes.keys(), SUMS_FILE, SIGNATURE_FILE]);
  for (const [name, content] of [
    [SUMS_FILE, sums],
    [SIGNATURE_FILE, signature ?? Buffer.alloc(0)],
    [DESCRIPTION_FILE, octets],
  ] as const)
    await copyWhole(content, copyOf(name));
  for (const { name, sizeBytes } of contentFilesOf(description)) {
    const hash = await source.withFile(name, (file, foundBytes) => {
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

async function refuseOthers(source: SetSource, names: readonly string[]): Promise<void> {
  const other = (await source.names()).find((name) => !names.includes(name));
  if (other !== undefined)
    throw new UpdateRefusedError(
      "unexpectedFile",
      `${JSON.stringify(other)} is not of the set; nothing else may be there`,
    );
}

/** SHA-256 of the first `sizeBytes` octets; each is read once, hashed, and written where a copy is wanted. */
async function hashFile(
  file: SourceFile,
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

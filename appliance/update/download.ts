import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { UpdateRefusedError } from "../../core/contract/update-refusal.ts";
import {
  contentBytesOf,
  contentFilesOf,
  DESCRIPTION_FILE,
  SIGNATURE_FILE,
  SMALL_LIMIT_BYTES,
  SUMS_FILE,
  type UpdateDescription,
} from "../../core/contract/update-set.ts";
import { verifyDescription, verifySums } from "../../core/node/verify-set.ts";
import type { Clock } from "../../core/ports.ts";
import type { BaseFiles, SetPath, WantedFile } from "./base-files.ts";
import { judgeSet } from "./judge-set.ts";
import type { UpdateFolder } from "./update-folder.ts";
import { type BoxImage, openUpdateKey, verifyForBox } from "./verify-set.ts";

export interface DownloadPorts {
  readonly clock: Clock;
  readonly base: BaseFiles;
  readonly folder: UpdateFolder;
  readonly image: BoxImage;
  readonly rateBytesPerSecond: number;
  /** What is there so far of how much. */
  progress(receivedBytes: number, sizeBytes: number): void;
  /** A download that was cut off goes on. */
  resumed(): void;
}

/**
 * Downloads a version and leaves it in ready. What is signed is fetched and judged first; nothing large is asked for before that, nor
 * without room for it. What was cut off goes on where it ended. Throws an UpdateRefusedError, or a BaseUnreachableError.
 */
export async function downloadSet(version: string, ports: DownloadPorts, signal: AbortSignal): Promise<void> {
  const { folder, image } = ports;
  const set: SetPath = { profile: image.profile, version };
  const place = folder.incoming(version);
  const { description, hashes } = await fetchSigned(set, ports, signal);
  await mkdir(place, { recursive: true, mode: 0o755 });
  const files = contentFilesOf(description).map((file) => ({ ...file, hash: hashes.get(file.name) ?? "" }));
  const sizeBytes = contentBytesOf(description);
  let receivedBytes = 0;
  for (const file of files) receivedBytes += await sizeThere(place, file);
  ports.progress(receivedBytes, sizeBytes);
  await folder.checkRoom(sizeBytes - receivedBytes);
  if (receivedBytes > 0 && receivedBytes < sizeBytes) ports.resumed();
  const pace = pacer(ports.clock, ports.rateBytesPerSecond);
  for (const file of files)
    await fetchFile(place, set, file, ports, signal, async (bytes) => {
      receivedBytes += bytes;
      ports.progress(receivedBytes, sizeBytes);
      await pace(bytes, signal);
    });
  await verifyForBox(place, image, folder, signal);
  await folder.promote(place, version);
}

interface SignedPart {
  readonly description: UpdateDescription;
  readonly hashes: ReadonlyMap<string, string>;
}

/** The three small files, into incoming; what was begun of another set of this version is thrown away. */
async function fetchSigned(set: SetPath, ports: DownloadPorts, signal: AbortSignal): Promise<SignedPart> {
  const { base, folder, image } = ports;
  const key = await openUpdateKey(image.keyPath);
  const fetch = (name: keyof typeof SMALL_LIMIT_BYTES) => base.fetchSmall(set, name, SMALL_LIMIT_BYTES[name], signal);
  const sums = required(await fetch(SUMS_FILE), SUMS_FILE);
  const signature = await fetch(SIGNATURE_FILE);
  const hashes = verifySums(sums, signature?.toString("latin1"), key);
  const octets = required(await fetch(DESCRIPTION_FILE), DESCRIPTION_FILE);
  const description = verifyDescription(octets, hashes);
  if (description.version !== set.version)
    throw new UpdateRefusedError("badDescription", `base gave ${description.version} for ${set.version}`);
  judgeSet(description, await folder.readFacts(image.version, image.profile));
  await folder.raiseMinimum(description.minimumVersion);
  const place = folder.incoming(set.version);
  const before = await readFile(join(place, SUMS_FILE)).catch(() => undefined);
  if (before !== undefined && digest(before) !== digest(sums)) await folder.discardIncoming(set.version);
  await mkdir(place, { recursive: true, mode: 0o755 });
  for (const [name, content] of [
    [DESCRIPTION_FILE, octets],
    [SIGNATURE_FILE, signature ?? Buffer.alloc(0)],
    [SUMS_FILE, sums],
  ] as const) {
    const file = await open(join(place, name), "w", 0o644);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  }
  return { description, hashes };
}

function required(octets: Buffer | undefined, name: string): Buffer {
  if (octets === undefined) throw new UpdateRefusedError("missingFile", `base has no ${name}`);
  return octets;
}

/** Octets of a file that are there; what is longer than it should be counts as nothing, and is begun anew. */
async function sizeThere(place: string, { name, sizeBytes }: WantedFile): Promise<number> {
  const status = await stat(join(place, name)).catch(() => undefined);
  return status?.isFile() && status.size <= sizeBytes ? status.size : 0;
}

async function fetchFile(
  place: string,
  set: SetPath,
  wanted: WantedFile,
  { base }: DownloadPorts,
  signal: AbortSignal,
  received: (bytes: number) => Promise<void>,
): Promise<void> {
  const fromBytes = await sizeThere(place, wanted);
  if (fromBytes === wanted.sizeBytes) return;
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
  const file = await open(join(place, wanted.name), flags, 0o644);
  try {
    await file.truncate(fromBytes);
    let at = fromBytes;
    for await (const chunk of base.fetchRest(set, wanted, fromBytes, signal)) {
      await file.write(chunk, 0, chunk.length, at);
      at += chunk.length;
      await received(chunk.length);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Waits as long as so many octets take at this rate, counted from the first. */
export function pacer(clock: Clock, rateBytesPerSecond: number) {
  const startedMs = clock.monotonicMs();
  let bytes = 0;
  return async (moreBytes: number, signal: AbortSignal): Promise<void> => {
    bytes += moreBytes;
    const aheadMs = startedMs + (bytes / rateBytesPerSecond) * 1000 - clock.monotonicMs();
    if (aheadMs > 0) await clock.sleep(aheadMs, signal);
  };
}

function digest(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("hex");
}

import { type FileHandle, open } from "node:fs/promises";
import { nodeExec } from "../../core/node/exec.ts";
import { copySparse } from "../../scripts/rig/disk-image.ts";

/** All that was asked of a disk but reads, in the order in which it was done and answered. */
export interface BlockLog {
  /** A file with the octets that were written. */
  readonly path: string;
  readonly entries: readonly LoggedRequest[];
}

export type LoggedRequest = LoggedChange | LoggedFlush;

export type LoggedChange = LoggedWrite | LoggedZeroes;

interface LoggedRange {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** On the disk as soon as it is done, whatever is not. */
  readonly isForced: boolean;
}

export interface LoggedWrite extends LoggedRange {
  readonly kind: "write";
  /** Where its octets are in the log. */
  readonly dataAt: number;
}

/** What was trimmed might read as anything; this disk makes it zero. */
export interface LoggedZeroes extends LoggedRange {
  readonly kind: "zero" | "trim";
}

export interface LoggedFlush {
  readonly kind: "flush";
  /** So many entries are on the disk once this one is done: those that were answered when it came. */
  readonly coveredRequests: number;
}

const ZEROES = Buffer.alloc(1024 * 1024);
const HOLE_TIMEOUT_MS = 60_000;

/** Makes `disk` the one of before with all of the requests. */
export async function replayLog(log: BlockLog, before: string, disk: string): Promise<void> {
  await cutPowerAfter(log.entries.length, log, before, disk, () => true);
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
  survives: (request: LoggedChange) => boolean,
): Promise<void> {
  await copySparse(before, disk);
  const done = log.entries.slice(0, requests);
  const flushed = flushedRequests(done);
  const [from, to] = [await open(log.path, "r"), await open(disk, "r+")];
  try {
    for (const [index, request] of done.entries()) {
      if (request.kind === "flush") continue;
      if (index < flushed || request.isForced || survives(request)) await applyChange(request, from, to);
    }
  } finally {
    await from.close();
    await to.close();
  }
}

/** Of these requests, so many from the first on are on the disk for certain. */
export function flushedRequests(done: readonly LoggedRequest[]): number {
  return done.reduce((most, one) => (one.kind === "flush" ? Math.max(most, one.coveredRequests) : most), 0);
}

/** Writes what a request changes, from the log to `to`, whose first octet is the disk's at `startBytes`. */
export async function applyChange(
  change: LoggedChange,
  log: FileHandle,
  to: FileHandle,
  startBytes = 0,
): Promise<void> {
  const { sizeBytes } = change;
  const offsetBytes = change.offsetBytes - startBytes;
  if (change.kind === "write") await writeWhole(to, await readWhole(log, change.dataAt, sizeBytes), offsetBytes);
  else await writeZeroes(to, offsetBytes, sizeBytes);
}

export async function readWhole(file: FileHandle, offsetBytes: number, sizeBytes: number): Promise<Buffer> {
  const octets = Buffer.allocUnsafe(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const { bytesRead } = await file.read(octets, at, sizeBytes - at, offsetBytes + at);
    if (bytesRead === 0) throw new Error(`a file ends at ${offsetBytes + at}, before ${offsetBytes + sizeBytes}`);
    at += bytesRead;
  }
  return octets;
}

export async function writeWhole(file: FileHandle, octets: Uint8Array, offsetBytes: number): Promise<void> {
  for (let at = 0; at < octets.length; )
    at += (await file.write(octets, at, octets.length - at, offsetBytes + at)).bytesWritten;
}

/** Large ranges become holes. */
export async function writeZeroes(file: FileHandle, offsetBytes: number, sizeBytes: number): Promise<void> {
  if (sizeBytes <= ZEROES.length) return writeWhole(file, ZEROES.subarray(0, sizeBytes), offsetBytes);
  const range = ["--offset", String(offsetBytes), "--length", String(sizeBytes)];
  const path = `/proc/${process.pid}/fd/${file.fd}`;
  await nodeExec("fallocate", ["--punch-hole", ...range, path], AbortSignal.timeout(HOLE_TIMEOUT_MS));
}

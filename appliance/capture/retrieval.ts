import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { FrameCursor } from "./frame-cursor.ts";
import {
  decodePcapHeader,
  encodePcapHeader,
  PCAP_FRAME_MAX_BYTES,
  PCAP_HEADER_BYTES,
  PCAP_RECORD_BYTES,
  PcapRecordBuffer,
  PcapRecordCursor,
} from "./pcap-file.ts";
import { listStoredFiles } from "./pcap-store.ts";

/** Whether a frame is wanted. Made anew for each link type that is met. */
export type FrameMatch = (frame: FrameCursor) => boolean;
export type FrameMatchOf = (linkType: number) => FrameMatch;

export interface Retrieval {
  readonly folder: string;
  /** Unix milliseconds, both included. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Octets of pcap at most; it ends at a whole frame. */
  readonly maxBytes: number;
  readonly matchOf: FrameMatchOf;
}

const READ_BYTES = 1024 * 1024;
/** Frames of several ports lie in a file by blocks, not strictly by time. */
const DISORDER_MS = 2_000;

/**
 * One pcap file of the frames that match, out of all files of the store, oldest first; the one being written too. Its link
 * type is that of the first frame found; frames of another are left out. Damage ends the reading of that one file.
 */
export async function* retrieveFrames(retrieval: Retrieval, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { folder, fromMs, toMs } = retrieval;
  const files = listStoredFiles(folder).filter(
    (file) => file.startMs <= toMs + DISORDER_MS && file.endMs >= fromMs - DISORDER_MS,
  );
  let chosenLinkType: number | undefined;
  let leftBytes = retrieval.maxBytes - PCAP_HEADER_BYTES;
  for (const { name } of files) {
    for await (const { linkType, records } of readMatches(join(folder, name), retrieval, signal)) {
      if (chosenLinkType === undefined) {
        chosenLinkType = linkType;
        yield encodePcapHeader(linkType);
      }
      if (linkType !== chosenLinkType) break;
      if (records.length > leftBytes) {
        const whole = wholeRecordsBytes(records, leftBytes);
        if (whole > 0) yield records.subarray(0, whole);
        return;
      }
      leftBytes -= records.length;
      yield records;
    }
  }
  if (chosenLinkType === undefined) yield encodePcapHeader(1);
}

async function* readMatches(
  path: string,
  { fromMs, toMs, matchOf }: Retrieval,
  signal: AbortSignal,
): AsyncGenerator<{ readonly linkType: number; readonly records: Uint8Array }> {
  const file = await openUnlessGone(path);
  if (file === undefined) return;
  try {
    const buffer = new Uint8Array(Math.max(READ_BYTES, PCAP_FRAME_MAX_BYTES + PCAP_RECORD_BYTES) * 2);
    const { bytesRead } = await file.read(buffer, 0, PCAP_HEADER_BYTES, 0);
    const header = decodePcapHeader(buffer.subarray(0, bytesRead));
    if (!header.ok) return; // cut by a power failure right at its start
    const linkType = header.value;
    const matches = matchOf(linkType);
    const found = new PcapRecordBuffer(64 * 1024);
    let positionBytes = PCAP_HEADER_BYTES;
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead: lengthBytes } = await file.read(buffer, 0, buffer.length, positionBytes);
      const cursor = new PcapRecordCursor(buffer.subarray(0, lengthBytes));
      while (cursor.next()) {
        const timeMs = cursor.timeSeconds * 1000 + cursor.timeNanoseconds / 1e6;
        if (timeMs >= fromMs && timeMs <= toMs && matches(cursor)) found.append(cursor);
      }
      if (found.lengthBytes > 0) yield { linkType, records: found.bytes.slice(0, found.lengthBytes) };
      found.clear();
      if (cursor.damaged || cursor.endBytes === 0) return;
      positionBytes += cursor.endBytes;
    }
  } finally {
    await file.close();
  }
}

async function openUnlessGone(path: string): Promise<FileHandle | undefined> {
  return open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined; // retention was faster
    throw error;
  });
}

/** Octets of the records that fit into `mostBytes`. */
function wholeRecordsBytes(records: Uint8Array, mostBytes: number): number {
  const cursor = new PcapRecordCursor(records);
  let wholeBytes = 0;
  while (cursor.next() && cursor.endBytes <= mostBytes) wholeBytes = cursor.endBytes;
  return wholeBytes;
}

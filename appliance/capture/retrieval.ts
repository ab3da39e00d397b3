import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { FrameFields } from "./frame-cursor.ts";
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

export type { FrameFields } from "./frame-cursor.ts";

export interface FrameSink {
  /** The octets are copied. */
  append(frame: FrameFields): void;
}

/** Chooses among the frames of one link type. */
export interface FrameSelector {
  /** Takes the next frame, and gives to `found` those that are known by now to be wanted, in the order they came. */
  take(frame: FrameFields, found: FrameSink): void;
  /** No more frames come. */
  finish(found: FrameSink): void;
}

/** Chooses each frame for itself. */
export function selectFrames(isWanted: (frame: FrameFields) => boolean): FrameSelector {
  return {
    take: (frame, found) => {
      if (isWanted(frame)) found.append(frame);
    },
    finish: () => {},
  };
}

export interface Retrieval {
  readonly folder: string;
  /** Unix milliseconds, both included. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Octets of pcap at most; it ends at a whole frame. */
  readonly maxBytes: number;
  /** Asked once for each link type that is met. */
  readonly selectorOf: (linkType: number) => FrameSelector;
}

const READ_BYTES = 1024 * 1024;
const FOUND_BYTES = 64 * 1024;
/** Frames of several ports lie in a file by blocks, not strictly by time. */
const DISORDER_MS = 2_000;

/**
 * One pcap file of the frames that match, out of all files of the store, oldest first; the one being written too. Its link
 * type is that of the first frame found; frames of another are left out. Damage ends the reading of that one file.
 */
export async function* retrieveFrames(retrieval: Retrieval, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let chosenLinkType: number | undefined;
  let leftBytes = retrieval.maxBytes - PCAP_HEADER_BYTES;
  for await (const { linkType, records } of readFiles(retrieval, signal)) {
    if (chosenLinkType === undefined) {
      chosenLinkType = linkType;
      yield encodePcapHeader(linkType);
    }
    if (linkType !== chosenLinkType) continue;
    if (records.length > leftBytes) {
      const whole = wholeRecordsBytes(records, leftBytes);
      if (whole > 0) yield records.subarray(0, whole);
      return;
    }
    leftBytes -= records.length;
    yield records;
  }
  if (chosenLinkType === undefined) yield encodePcapHeader(1);
}

interface Found {
  readonly linkType: number;
  readonly records: Uint8Array;
}

async function* readFiles(retrieval: Retrieval, signal: AbortSignal): AsyncGenerator<Found> {
  const { folder, fromMs, toMs, selectorOf } = retrieval;
  const files = listStoredFiles(folder).filter(
    (file) => file.startMs <= toMs + DISORDER_MS && file.endMs >= fromMs - DISORDER_MS,
  );
  const selectors = new Map<number, FrameSelector>();
  const selectorOnce = (linkType: number): FrameSelector => {
    const selector = selectors.get(linkType) ?? selectorOf(linkType);
    selectors.set(linkType, selector);
    return selector;
  };
  for (const { name } of files) yield* readFile(join(folder, name), { ...retrieval, selectorOf: selectorOnce }, signal);
  for (const [linkType, selector] of selectors) {
    const found = new PcapRecordBuffer(FOUND_BYTES);
    selector.finish(found);
    if (found.lengthBytes > 0) yield { linkType, records: found.bytes.subarray(0, found.lengthBytes) };
  }
}

async function* readFile(
  path: string,
  { fromMs, toMs, selectorOf }: Retrieval,
  signal: AbortSignal,
): AsyncGenerator<Found> {
  const file = await openUnlessGone(path);
  if (file === undefined) return;
  try {
    const buffer = new Uint8Array(Math.max(READ_BYTES, PCAP_FRAME_MAX_BYTES + PCAP_RECORD_BYTES) * 2);
    const { bytesRead } = await file.read(buffer, 0, PCAP_HEADER_BYTES, 0);
    const header = decodePcapHeader(buffer.subarray(0, bytesRead));
    if (!header.ok) return; // cut by a power failure right at its start
    const linkType = header.value;
    const selector = selectorOf(linkType);
    const found = new PcapRecordBuffer(FOUND_BYTES);
    let positionBytes = PCAP_HEADER_BYTES;
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead: lengthBytes } = await file.read(buffer, 0, buffer.length, positionBytes);
      const cursor = new PcapRecordCursor(buffer.subarray(0, lengthBytes));
      while (cursor.next()) {
        const timeMs = cursor.timeSeconds * 1000 + cursor.timeNanoseconds / 1e6;
        if (timeMs >= fromMs && timeMs <= toMs) selector.take(cursor, found);
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

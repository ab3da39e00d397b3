import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock, Log } from "../../core/ports.ts";
import type { FrameCursor } from "./frame-cursor.ts";
import { isBatch } from "./libpcap-port.ts";
import { PcapRecordBuffer, PcapRecordCursor } from "./pcap-file.ts";
import { PcapStore, type PcapStoreOptions } from "./pcap-store.ts";
import type { RingOptions } from "./ring.ts";
import { SpanPorts } from "./span-ports.ts";

/** How the thread of one of the two jobs hears of its starter and answers it. */
export interface CaptureLine {
  readonly signal: AbortSignal;
  take(): readonly unknown[];
  send(message: unknown): void;
}

/** Ports with a ring; frames of other ports come over the line, as batches. */
export interface RingStart {
  readonly ports: readonly string[];
  readonly ring: RingOptions;
}

export interface WriterStart extends RingStart {
  readonly store: PcapStoreOptions;
}

/** Sent once the rings are open, then once a second; counted from the start. */
export interface WriterReport {
  readonly frames: number;
  readonly drops: number;
  readonly pcapBytes: number;
  readonly unwrittenBytes: number;
}

const REPORT_MS = 1_000;
const RETAIN_MS = 60_000;
/** Batches that may have piled up while one block was worked on; what is beyond is lost, and counted. */
const BATCHES_MAX = 256;
/** A block of the ring, and what the records' headers add. */
const RECORDS_BYTES = 1_310_720;

/**
 * Frames of all ports, block by block, until the line's signal aborts; `everySecond` is called once the rings are open, then
 * about once a second, frames or none. The loop gives way after each block, so that messages arrive.
 */
export async function runFrames(
  start: RingStart,
  line: CaptureLine,
  clock: Clock,
  log: Log,
  take: (frames: FrameCursor, linkType: number) => void,
  everySecond: (drops: number) => void,
): Promise<void> {
  const ports = new SpanPorts(start.ports, start.ring, log);
  let saidAtMs = Number.NEGATIVE_INFINITY;
  let lostFrames = 0;
  try {
    while (!line.signal.aborted) {
      ports.takeBlocks(clock.monotonicMs(), take);
      line.take().forEach((message, index) => {
        if (!isBatch(message)) return;
        const frames = new PcapRecordCursor(message.records);
        if (index < BATCHES_MAX) take(frames, message.linkType);
        else while (frames.next()) lostFrames++;
      });
      if (clock.monotonicMs() - saidAtMs >= REPORT_MS) {
        saidAtMs = clock.monotonicMs();
        everySecond(ports.stats().drops + lostFrames);
      }
      await nextTurn();
    }
  } finally {
    ports.close();
  }
}

/** The full-content writer: every frame of the rings into rotating pcap files. */
export async function runPcapWriter(start: WriterStart, line: CaptureLine, clock: Clock, log: Log): Promise<void> {
  const store = new PcapStore(start.store, clock);
  const records = new PcapRecordBuffer(RECORDS_BYTES);
  let writtenFrames = 0;
  let retainedAtMs = clock.monotonicMs();
  let isFull = false;
  try {
    await runFrames(
      start,
      line,
      clock,
      log,
      (frames, linkType) => {
        records.clear();
        let count = 0;
        let firstMs = 0;
        while (frames.next()) {
          if (count++ === 0) firstMs = frames.timeSeconds * 1000 + Math.floor(frames.timeNanoseconds / 1e6);
          records.append(frames);
        }
        if (count === 0) return;
        const isWritten = store.append(linkType, records.bytes.subarray(0, records.lengthBytes), firstMs);
        if (isWritten) writtenFrames += count;
        else if (!isFull) log("error", "the store is full and holds no pcap file to delete");
        isFull = !isWritten;
      },
      (drops) => {
        if (clock.monotonicMs() - retainedAtMs >= RETAIN_MS) {
          retainedAtMs = clock.monotonicMs();
          store.retain();
        }
        const report: WriterReport = {
          frames: writtenFrames,
          drops,
          pcapBytes: store.sizeBytes(),
          unwrittenBytes: store.unwrittenBytes,
        };
        line.send(report);
      },
    );
  } finally {
    store.close();
  }
}

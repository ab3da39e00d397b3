import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import type { Log } from "../../core/ports.ts";
import { type CaptureLine, type RingStart, runFrames } from "../capture/service.ts";
import { Engine } from "../session/engine.ts";
import type { EngineCounters } from "../session/engine-counters.ts";
import type { EngineConfig, Share } from "../session/engine-options.ts";
import type { EngineSink } from "../session/engine-sink.ts";
import { connectToStarter } from "../worker.ts";
import { type RecordBatch, RecordBatches } from "./capture-records.ts";

/** One share of the sessions, by rings of its own. */
export interface AnalysisStart extends RingStart {
  /** Of this share. */
  readonly config: EngineConfig;
  readonly sensor: string;
  readonly share: Share;
  /** The same for all shares. */
  readonly seed: Uint8Array;
  /** Of all shares together: ids from here on are free. */
  readonly firstId: number;
}

/** Counted from the start. */
export interface AnalysisReport {
  readonly counters: EngineCounters;
  /** Frames that its rings lost. */
  readonly drops: number;
  /** Records that were lost on their way to the store. */
  readonly recordsDropped: number;
  /** Unix milliseconds; null before the first frame. */
  readonly lastFrameAtMs: number | null;
}

/** From a thread `capture-analysis` to the one that has the store. */
export type AnalysisMessage =
  | { readonly name: "records"; readonly batch: RecordBatch }
  | { readonly name: "report"; readonly report: AnalysisReport };

/** What it is told: so many records have been taken. */
export interface Acknowledgement {
  readonly acknowledged: number;
}

function isAcknowledgement(message: unknown): message is Acknowledgement {
  return typeof message === "object" && message !== null && "acknowledged" in message;
}

/** The thread `capture-analysis`: its share of the sessions, as records, to the analyser. */
export async function runAnalysisThread(data: unknown): Promise<void> {
  const start = data as AnalysisStart;
  const { signal, take, send } = connectToStarter();
  const say = (message: AnalysisMessage) => send(message);
  const batches = new RecordBatches((batch) => say({ name: "records", batch }));
  const line: CaptureLine = {
    signal,
    send,
    take: () => {
      const messages = take();
      for (const message of messages) if (isAcknowledgement(message)) batches.acknowledge(message.acknowledged);
      return messages;
    },
  };
  const finish = await runAnalysis(start, line, batches, journalLog("capture-analysis"), (report) => {
    batches.flush();
    say({ name: "report", report: { ...report, recordsDropped: batches.dropped } });
  });
  batches.end();
  finish();
  batches.flush();
}

/**
 * Frames of the rings and of the line through an engine, until the line's signal aborts; `everySecond` is called once the
 * rings are open, then about once a second. Resolves to what reports the sessions that are left.
 */
export async function runAnalysis(
  start: AnalysisStart,
  line: CaptureLine,
  sink: EngineSink,
  log: Log,
  everySecond: (report: AnalysisReport) => void,
): Promise<() => void> {
  const { config, sensor, share, seed } = start;
  const engine = new Engine(config, sink, {
    seed,
    sensor,
    share,
    firstId: start.firstId + share.index,
    idStride: share.count,
  });
  let lastFrameAtMs: number | null = null;
  await runFrames(
    start,
    line,
    nodeClock,
    log,
    (frames, linkType) => {
      let any = false;
      while (frames.next()) {
        any = true;
        engine.frame(
          frames.bytes,
          frames.offsetBytes,
          frames.capturedBytes,
          frames.originalBytes,
          frames.timeSeconds,
          frames.timeNanoseconds,
          linkType,
        );
      }
      if (any) lastFrameAtMs = frames.timeSeconds * 1000 + Math.floor(frames.timeNanoseconds / 1e6);
    },
    (drops) => {
      engine.advance(nodeClock.nowMs());
      everySecond({ counters: { ...engine.counters }, drops, recordsDropped: 0, lastFrameAtMs });
    },
  );
  return () => engine.finish();
}

import type { CaptureStatus } from "../../core/contract/role.ts";
import type { WriterReport } from "../capture/service.ts";
import type { EngineCounters } from "../session/engine-counters.ts";
import { mergeCounters } from "../session/merge-counters.ts";
import type { AnalysisReport } from "./capture-analysis.ts";

/** Sent once all rings are open, then once a second, by the analyser's thread; counted from the start, over all shares. */
export interface AnalyserReport {
  /** Threads that share the sessions. */
  readonly workers: number;
  readonly counters: EngineCounters;
  readonly drops: number;
  /** Sessions and requests that were not kept: there was no room for them, or no time. */
  readonly rowsDropped: number;
  /** Those of them that were lost between two threads. */
  readonly recordsDropped: number;
  /** Unix milliseconds; null before the first frame. */
  readonly lastFrameAtMs: number | null;
}

/** What is known of a capture at one moment. */
export interface CaptureProgress {
  readonly state: CaptureStatus["state"];
  readonly writer?: WriterReport;
  readonly analyser?: AnalyserReport;
}

/**
 * The reports of all shares as one. A frame that one share's rings lost is missed by its part of the sessions only, and counts
 * as that part of a frame.
 */
export function mergeReports(reports: readonly AnalysisReport[], storeRowsDropped: number): AnalyserReport {
  const times = reports.flatMap(({ lastFrameAtMs }) => (lastFrameAtMs === null ? [] : [lastFrameAtMs]));
  const recordsDropped = sum(reports.map((report) => report.recordsDropped));
  return {
    workers: reports.length,
    counters: mergeCounters(reports.map(({ counters }) => counters)),
    drops: Math.ceil(sum(reports.map(({ drops }) => drops)) / reports.length),
    rowsDropped: storeRowsDropped + recordsDropped,
    recordsDropped,
    lastFrameAtMs: times.length === 0 ? null : Math.max(...times),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export function renderCaptureStatus(progress: CaptureProgress, ports: CaptureStatus["ports"]): CaptureStatus {
  const { state, writer, analyser } = progress;
  const counters = analyser?.counters;
  const ringsAreOpen = writer !== undefined && analyser !== undefined;
  return {
    role: "capture",
    state: state === "capturing" && !ringsAreOpen ? "starting" : state,
    ports,
    frames: counters?.frames ?? 0,
    bytes: counters?.bytes ?? 0,
    analyserDrops: analyser?.drops ?? 0,
    writerDrops: writer?.drops ?? 0,
    sessionsActive: counters?.sessionsActive ?? 0,
    sessions: counters?.sessions ?? 0,
    sessionsFlat: counters?.sessionsFlat ?? 0,
    sessionsEvicted: counters?.sessionsEvicted ?? 0,
    httpRequests: counters?.httpRequests ?? 0,
    malformedFrames: counters?.malformed ?? 0,
    rowsDropped: analyser?.rowsDropped ?? 0,
    ...(analyser !== undefined && {
      analysisWorkers: analyser.workers,
      counters: { ...analyser.counters, recordsDropped: analyser.recordsDropped },
    }),
    pcapBytes: writer?.pcapBytes ?? 0,
    lastFrameAtMs: analyser?.lastFrameAtMs ?? null,
  };
}

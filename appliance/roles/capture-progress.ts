import type { CaptureStatus } from "../../core/contract/role.ts";
import type { WriterReport } from "../capture/service.ts";
import type { EngineCounters } from "../session/engine-counters.ts";

/** Sent once its rings are open, then once a second, by the analyser's thread; counted from the start. */
export interface AnalyserReport {
  readonly counters: EngineCounters;
  readonly drops: number;
  /** Sessions and requests that were not kept: there was no room for them. */
  readonly rowsDropped: number;
  /** Unix milliseconds; null before the first frame. */
  readonly lastFrameAtMs: number | null;
}

/** What is known of a capture at one moment. */
export interface CaptureProgress {
  readonly state: CaptureStatus["state"];
  readonly writer?: WriterReport;
  readonly analyser?: AnalyserReport;
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
    pcapBytes: writer?.pcapBytes ?? 0,
    lastFrameAtMs: analyser?.lastFrameAtMs ?? null,
  };
}

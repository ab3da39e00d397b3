import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import { type RingStart, runFrames } from "../capture/service.ts";
import { dayFileName, listDays } from "../session/day-files.ts";
import { Engine, type EngineConfig } from "../session/engine.ts";
import { SessionStore } from "../session/store.ts";
import { connectToStarter } from "../worker.ts";
import type { AnalyserReport } from "./capture-progress.ts";
import { planSessionsUntil } from "./session-retention.ts";

export interface AnalyserStart extends RingStart {
  readonly config: EngineConfig;
  readonly sensor: string;
  readonly sessionsFolder: string;
  /** Sessions are kept as long as frames may be, and as far as they fit: whole days are deleted. */
  readonly ageMs: number;
  readonly budgetBytes: number;
}

const RETAIN_MS = 60 * 1000;

/** The thread `capture-analyser`: frames of its own rings through the engine into the store. */
export async function runAnalyserThread(data: unknown): Promise<void> {
  const start = data as AnalyserStart;
  const line = connectToStarter();
  const store = new SessionStore(start.sessionsFolder);
  const engine = new Engine(start.config, store, {
    seed: randomBytes(16),
    sensor: start.sensor,
    firstId: store.nextId,
  });
  let lastFrameAtMs: number | null = null;
  let retainedAtMs = Number.NEGATIVE_INFINITY;
  try {
    await runFrames(
      start,
      line,
      nodeClock,
      journalLog("capture-analyser"),
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
        store.flush();
        if (nodeClock.monotonicMs() - retainedAtMs >= RETAIN_MS) {
          retainedAtMs = nodeClock.monotonicMs();
          store.removeBefore(planUntil(start));
        }
        const report: AnalyserReport = { counters: { ...engine.counters }, drops, lastFrameAtMs };
        line.send(report);
      },
    );
    engine.finish();
  } finally {
    store.close();
  }
}

function planUntil({ sessionsFolder, budgetBytes, ageMs }: AnalyserStart): number {
  const days = listDays(sessionsFolder).map((day) => ({
    day,
    sizeBytes: sizeOf(join(sessionsFolder, dayFileName(day))),
  }));
  return planSessionsUntil(days, budgetBytes, ageMs, nodeClock.nowMs());
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import type { Log } from "../../core/ports.ts";
import { type RingStart, runFrames } from "../capture/service.ts";
import { dayFileName, dayOfSeconds, listDays } from "../session/day-files.ts";
import { Engine, type EngineConfig } from "../session/engine.ts";
import { SessionStore } from "../session/store.ts";
import { connectToStarter } from "../worker.ts";
import type { AnalyserReport } from "./capture-progress.ts";
import { isDayFull, planSessionsUntil } from "./session-retention.ts";

export interface AnalyserStart extends RingStart {
  readonly config: EngineConfig;
  readonly sensor: string;
  readonly sessionsFolder: string;
  /** Sessions are kept as long as frames may be, and as far as they fit: whole days are deleted. */
  readonly ageMs: number;
  readonly budgetBytes: number;
}

/** The thread `capture-analyser`: frames of its own rings through the engine into the store. */
export async function runAnalyserThread(data: unknown): Promise<void> {
  const start = data as AnalyserStart;
  const line = connectToStarter();
  const log = journalLog("capture-analyser");
  const store = new SessionStore(start.sessionsFolder);
  const engine = new Engine(start.config, store, {
    seed: randomBytes(16),
    sensor: start.sensor,
    firstId: store.nextId,
  });
  let lastFrameAtMs: number | null = null;
  try {
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
        store.flush();
        retain(store, start, log);
        const { rowsDropped } = store;
        const report: AnalyserReport = { counters: { ...engine.counters }, drops, rowsDropped, lastFrameAtMs };
        line.send(report);
      },
    );
    engine.finish();
  } finally {
    store.close();
  }
}

/** Deletes days that are too old or have no room any more, and stops today when it takes too much. */
function retain(store: SessionStore, { sessionsFolder, budgetBytes, ageMs }: AnalyserStart, log: Log): void {
  const nowMs = nodeClock.nowMs();
  const days = listDays(sessionsFolder).map((day) => {
    const path = join(sessionsFolder, dayFileName(day));
    return { day, sizeBytes: sizeOf(path) + sizeOf(`${path}-wal`) };
  });
  store.removeBefore(planSessionsUntil(days, budgetBytes, ageMs, nowMs));
  const isFull = isDayFull(days, dayOfSeconds(nowMs / 1000), budgetBytes);
  if (isFull && !store.isFull) log("error", "the sessions of today take too much room: no more are kept");
  store.isFull = isFull;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

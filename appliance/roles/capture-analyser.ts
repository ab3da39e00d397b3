import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import type { Log } from "../../core/ports.ts";
import { runTogether } from "../../core/run-together.ts";
import { isBatch } from "../capture/libpcap-port.ts";
import type { CaptureLine, RingStart } from "../capture/service.ts";
import { dayFileName, dayOfSeconds, listDays } from "../session/day-files.ts";
import type { EngineConfig } from "../session/engine-options.ts";
import type { EngineSink } from "../session/engine-sink.ts";
import { shareConfig } from "../session/share-config.ts";
import { SessionStore } from "../session/store.ts";
import { failWhenSilent } from "../silent-thread.ts";
import { connectToStarter, runUntilStopped, startWorker } from "../worker.ts";
import {
  type Acknowledgement,
  type AnalysisMessage,
  type AnalysisReport,
  type AnalysisStart,
  runAnalysis,
} from "./capture-analysis.ts";
import { mergeReports } from "./capture-progress.ts";
import { deliverRecords } from "./capture-records.ts";
import { isDayFull, planSessionsUntil } from "./session-retention.ts";

export interface AnalyserStart extends RingStart {
  /** Of all shares together. */
  readonly config: EngineConfig;
  readonly sensor: string;
  readonly sessionsFolder: string;
  /** Sessions are kept as long as frames may be, and as far as they fit: whole days are deleted. */
  readonly ageMs: number;
  readonly budgetBytes: number;
}

/** More threads than these are not taken unless the settings say so. */
const WORKERS_MAX = 4;

/** Threads that share the sessions: as the settings have it, or one for each core but the writer's. */
export function planAnalysisWorkers(setting: number, cores: number): number {
  return setting || Math.min(Math.max(cores - 1, 1), WORKERS_MAX);
}

/**
 * The thread `capture-analyser`: owns the store, and has the first share of the sessions itself; a thread `capture-analysis`
 * has each other share. Once it is told to stop, the store is closed after all of them have reported all their sessions.
 */
export async function runAnalyserThread(data: unknown): Promise<void> {
  const start = data as AnalyserStart;
  const line = connectToStarter();
  const log = journalLog("capture-analyser");
  const store = new SessionStore(start.sessionsFolder);
  const count = planAnalysisWorkers(start.config.session.workers, availableParallelism());
  const seed = randomBytes(16);
  const shares = Array.from({ length: count }, (_, index): AnalysisStart => {
    const { ports, ring, sensor } = start;
    return {
      ports,
      ring,
      sensor,
      seed,
      share: { index, count },
      firstId: store.nextId,
      config: shareConfig(start.config, count),
    };
  });
  const reports: (AnalysisReport | undefined)[] = new Array(count).fill(undefined);
  try {
    const [own, ...others] = shares as [AnalysisStart, ...AnalysisStart[]];
    const workers = others.map((share) =>
      startShare(share, store, (report) => {
        reports[share.share.index] = report;
      }),
    );
    await runTogether(line.signal, [
      ...workers.flatMap((worker) => [
        (signal: AbortSignal) => runUntilStopped(worker, signal),
        (signal: AbortSignal) => failWhenSilent(worker, "capture-analysis", nodeClock, signal),
      ]),
      async (signal) => {
        const finish = await runAnalysis(own, forwarding(line, workers, signal), store, log, (report) => {
          reports[0] = report;
          store.flush();
          retain(store, start, log);
          const known = reports.filter((one) => one !== undefined);
          if (known.length === count) line.send(mergeReports(known, store.rowsDropped));
        });
        finish();
      },
    ]).catch((error: Error) => {
      if (!line.signal.aborted || error.name !== "AbortError") throw error;
    });
  } finally {
    store.close();
  }
}

/** A thread for a share, whose records go to the store. */
function startShare(start: AnalysisStart, sink: EngineSink, report: (report: AnalysisReport) => void): Worker {
  const worker = startWorker("capture-analysis", start);
  worker.on("message", (message: AnalysisMessage) => {
    if (message.name === "report") {
      report(message.report);
      return;
    }
    deliverRecords(message.batch, sink);
    const answer: Acknowledgement = { acknowledged: message.batch.records.length };
    worker.postMessage(answer);
  });
  return worker;
}

/** Frames of ports without a ring go to every share, as those of a ring do. */
function forwarding(line: CaptureLine, workers: readonly Worker[], signal: AbortSignal): CaptureLine {
  return {
    signal,
    send: (message) => line.send(message),
    take: () => {
      const messages = line.take();
      for (const message of messages) if (isBatch(message)) for (const worker of workers) worker.postMessage(message);
      return messages;
    },
  };
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

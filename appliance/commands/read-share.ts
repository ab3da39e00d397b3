import { FilteredSink } from "../capture/filtered-sink.ts";
import { compileFilter } from "../capture/ring.ts";
import { openSavefile } from "../capture/savefile.ts";
import type { FrameSink } from "../capture/savefile-records.ts";
import { Engine } from "../session/engine.ts";
import type { EngineCounters } from "../session/engine-counters.ts";
import type { EngineConfig, Share } from "../session/engine-options.ts";
import type { EngineSink } from "../session/engine-sink.ts";
import { ALARM_LINE, HANDSHAKE_LINE, HTTP_LINE, SESSION_LINE } from "../session/line-octets.ts";
import { AFTER_ALL, OrderedLines } from "../session/ordered-lines.ts";
import { renderAlarmLine, renderHandshakeLine, renderHttpLine, renderSessionLine } from "../session/table-lines.ts";

/** At the end a share gives its lines in pieces of this size. */
const FINISH_BYTES = 64 * 1024;
/** ... and there is time for other things after so many sessions. */
const FINISH_SESSIONS = 512;

/** What all that share the sessions of some savefiles need to know. */
export interface ReadPlan {
  readonly paths: readonly string[];
  /** BPF expression; empty: every frame. */
  readonly filter: string;
  /** Lines for people otherwise. */
  readonly json: boolean;
  readonly config: EngineConfig;
  readonly seed: Uint8Array;
}

export type FileResult = "clean" | "damaged" | "unreadable";

export interface ReadOutcome {
  readonly counters: EngineCounters;
  /** Of each file, in turn; what is wrong with it, for people. */
  readonly files: readonly { readonly result: FileResult; readonly complaint: string }[];
}

/** Where the lines of one share go. `lines` is to be cleared once they are taken. */
export interface ShareTarget {
  /** Later lines come after session `id` of frame `frame`. */
  take(lines: OrderedLines, frame: number, id: number): void;
  /** After each block of a file, and at the end after some sessions: time for other things. */
  turn(): Promise<void>;
}

/** Reads the files in turn as one capture, and gives the records of one share of their sessions. */
export async function readShare(plan: ReadPlan, share: Share, target: ShareTarget): Promise<ReadOutcome> {
  const lines = new OrderedLines();
  let finishFrame = 0;
  let lastId = 0;
  const begin = (id: number) => {
    // At the end sessions come in the order of their ids: what is before this one is complete.
    if (finishFrame > 0 && id > lastId && lines.lines.lengthBytes >= FINISH_BYTES)
      target.take(lines, finishFrame, lastId);
    lastId = id;
  };
  const end = (id: number) => lines.place(finishFrame || engine.counters.frames, id);
  const engine = new Engine(plan.config, plan.json ? jsonSink(lines, begin, end) : tableSink(lines, begin, end), {
    seed: plan.seed,
    sensor: "",
    firstId: 1,
    share,
  });
  const sink = plan.filter === "" ? engine : new FilteredSink(plan.filter, compileFilter, engine);
  const files: ReadOutcome["files"][number][] = [];
  for (const path of plan.paths)
    files.push(
      await readFile(path, sink, () => {
        target.take(lines, engine.counters.frames, AFTER_ALL);
        return target.turn();
      }),
    );
  finishFrame = engine.counters.frames + 1;
  lastId = 0;
  while (!engine.finish(FINISH_SESSIONS)) await target.turn();
  target.take(lines, AFTER_ALL, AFTER_ALL);
  return { counters: engine.counters, files };
}

async function readFile(
  path: string,
  sink: FrameSink,
  turn: () => Promise<void>,
): Promise<ReadOutcome["files"][number]> {
  try {
    const opened = openSavefile(path);
    if (opened.name === "other") return await readOther(path, opened.why, sink);
    try {
      for (;;) {
        const state = opened.records.next(sink);
        if (state.name === "clean") return { result: "clean", complaint: "" };
        if (state.name === "damaged") return { result: "damaged", complaint: `${path}: damaged: ${state.why}` };
        await turn();
      }
    } finally {
      opened.close();
    }
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== "open" && syscall !== "read") throw error;
    return { result: "unreadable", complaint: message.includes(`'${path}'`) ? message : `${path}: ${message}` };
  }
}

/** What is neither pcap nor pcapng is left to libpcap, whose addon is loaded only then. */
async function readOther(path: string, why: string, sink: FrameSink): Promise<ReadOutcome["files"][number]> {
  const { readByLibpcap } = await import("../capture/savefile-libpcap.ts");
  try {
    await readByLibpcap(path, sink);
    return { result: "clean", complaint: "" };
  } catch {
    return { result: "unreadable", complaint: `${path}: ${why}` };
  }
}

type Mark = (id: number) => void;

function jsonSink({ lines }: OrderedLines, begin: Mark, end: Mark): EngineSink {
  return {
    session: (record, final) => {
      if (!final) return;
      begin(record.id);
      lines.append(SESSION_LINE, record);
      end(record.id);
    },
    http: (record) => {
      begin(record.session_id);
      lines.append(HTTP_LINE, record);
      end(record.session_id);
    },
    handshake: (record) => {
      begin(record.session_id);
      lines.append(HANDSHAKE_LINE, record);
      end(record.session_id);
    },
    alarm: (record) => {
      begin(record.session_id);
      lines.append(ALARM_LINE, record);
      end(record.session_id);
    },
  };
}

function tableSink({ lines }: OrderedLines, begin: Mark, end: Mark): EngineSink {
  const add = (id: number, line: string) => {
    begin(id);
    lines.appendText(line);
    end(id);
  };
  return {
    session: (record, final) => {
      if (final) add(record.id, renderSessionLine(record));
    },
    http: (record) => add(record.session_id, renderHttpLine(record)),
    handshake: (record) => add(record.session_id, renderHandshakeLine(record)),
    alarm: (record) => add(record.session_id, renderAlarmLine(record)),
  };
}

import { randomBytes } from "node:crypto";
import { setImmediate as yieldToSignals } from "node:timers/promises";
import { parseArgs } from "node:util";
import { DEFAULT_SENSOR_CONFIG } from "../core/contract/sensor-config.ts";
import { renderJsonLine } from "../core/json-line.ts";
import { FilteredSink } from "./capture/filtered-sink.ts";
import { compileFilter } from "./capture/ring.ts";
import { openSavefile } from "./capture/savefile.ts";
import type { FrameSink } from "./capture/savefile-records.ts";
import { LineOutput, OutputClosedError } from "./line-output.ts";
import { Engine, type EngineSink } from "./session/engine.ts";
import { renderHttpLine, renderSessionHeading, renderSessionLine } from "./session/table-lines.ts";

export const READ_USAGE = `cepa-sensor read [--json] [--filter BPF] FILE...

Sessions and HTTP requests of pcap and pcapng files, read in turn as one capture; "-" is standard input.

  --json          one JSON object a line: "type" is session, http, or, last, stats; columns are those of the store
  --filter BPF    only frames that match, as with tcpdump

Exit status: 0 clean; 1 a file is damaged: what was whole before the damage is printed, and stats still come last;
2 nothing could be read.
`;

const CLEAN = 0;
const DAMAGED = 1;
const NOTHING = 2;
/** Blocks of 1 MiB between two looks at the signal. */
const BLOCKS_PER_TURN = 16;

/** `cepa-sensor read`; resolves to the exit status. */
export async function runReadCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      filter: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(READ_USAGE);
    return CLEAN;
  }
  if (positionals.length === 0) return refuse("read: which file?");
  const output = new LineOutput(1);
  const engine = new Engine(DEFAULT_SENSOR_CONFIG, values.json ? jsonSink(output) : tableSink(output), {
    seed: randomBytes(16),
    sensor: "",
    firstId: 1,
  });
  try {
    return await readFiles(positionals, engine, values.filter, values.json, output, signal);
  } catch (error) {
    if (error instanceof OutputClosedError) return CLEAN;
    if ((error as NodeJS.ErrnoException).code === "ERR_BPF_SYNTAX")
      return refuse(`read: --filter: ${(error as Error).message}`);
    throw error;
  }
}

async function readFiles(
  paths: readonly string[],
  engine: Engine,
  filter: string | undefined,
  json: boolean,
  output: LineOutput,
  signal: AbortSignal,
): Promise<number> {
  const sink = filter === undefined ? engine : new FilteredSink(filter, compileFilter, engine);
  const results = new Set<FileResult>();
  for (const path of paths) results.add(await readFile(path, sink, signal));
  if (results.size === 1 && results.has("unreadable")) return NOTHING;
  engine.finish();
  output.write(json ? JSON.stringify({ type: "stats", ...engine.counters }) : renderSummary(engine));
  output.flush();
  return results.has("damaged") || results.has("unreadable") ? DAMAGED : CLEAN;
}

type FileResult = "clean" | "damaged" | "unreadable";

async function readFile(path: string, sink: FrameSink, signal: AbortSignal): Promise<FileResult> {
  try {
    const opened = openSavefile(path);
    if (opened.name === "other") return await readOther(path, opened.why, sink);
    try {
      for (let blocks = 1; ; blocks++) {
        const state = opened.records.next(sink);
        if (state.name === "clean") return "clean";
        if (state.name === "damaged") {
          complain(`${path}: damaged: ${state.why}`);
          return "damaged";
        }
        if (blocks % BLOCKS_PER_TURN === 0) await yieldToSignals();
        signal.throwIfAborted();
      }
    } finally {
      opened.close();
    }
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== "open" && syscall !== "read") throw error;
    complain(message.includes(`'${path}'`) ? message : `${path}: ${message}`);
    return "unreadable";
  }
}

/** What is neither pcap nor pcapng is left to libpcap, whose addon is loaded only then. */
async function readOther(path: string, why: string, sink: FrameSink): Promise<FileResult> {
  const { readByLibpcap } = await import("./capture/savefile-libpcap.ts");
  try {
    await readByLibpcap(path, sink);
    return "clean";
  } catch {
    complain(`${path}: ${why}`);
    return "unreadable";
  }
}

function jsonSink(output: LineOutput): EngineSink {
  return {
    session: (record, final) => {
      if (final) output.write(renderJsonLine(record));
    },
    http: (record) => output.write(renderJsonLine(record)),
    handshake: (record) => output.write(renderJsonLine(record)),
    alarm: (record) => output.write(renderJsonLine(record)),
  };
}

function tableSink(output: LineOutput): EngineSink {
  let headed = false;
  const write = (line: string) => {
    if (!headed) output.write(renderSessionHeading());
    headed = true;
    output.write(line);
  };
  return {
    session: (record, final) => {
      if (final) write(renderSessionLine(record));
    },
    http: (record) => write(renderHttpLine(record)),
    handshake: () => {},
    alarm: () => {},
  };
}

function renderSummary(engine: Engine): string {
  const { frames, bytes, sessions, sessionsFlat, httpRequests, notIp, truncated, malformed } = engine.counters;
  return (
    `\n${frames} frames, ${bytes} octets, ${sessions} sessions, ${sessionsFlat} of them as flat as random, ` +
    `${httpRequests} HTTP requests; ${notIp} frames without IP, ${truncated} truncated, ${malformed} malformed`
  );
}

function refuse(message: string): number {
  complain(message);
  return NOTHING;
}

function complain(message: string): void {
  process.stderr.write(`cepa-sensor: ${message}\n`);
}

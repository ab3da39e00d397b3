import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setImmediate as yieldToSignals } from "node:timers/promises";
import { parseArgs } from "node:util";
import { parseJson } from "../../core/checked-json.ts";
import { DEFAULT_SENSOR_CONFIG, readSensorConfig } from "../../core/contract/sensor-config.ts";
import { openSavefile } from "../capture/savefile.ts";
import { loadProfiles } from "../profile-files.ts";
import type { EngineCounters } from "../session/engine-counters.ts";
import type { EngineConfig } from "../session/engine-options.ts";
import { mergeCounters } from "../session/merge-counters.ts";
import { shareConfig } from "../session/share-config.ts";
import { renderSessionHeading } from "../session/table-lines.ts";
import { LineOutput, OutputClosedError } from "./line-output.ts";
import { type FileResult, type ReadOutcome, type ReadPlan, readShare, type ShareTarget } from "./read-share.ts";
import { ReadWorkers } from "./read-workers.ts";

export const READ_USAGE = `cepa-sensor read [--json] [--filter BPF] [--config FILE] [--workers N] FILE...

Sessions, HTTP requests, handshakes and alarms of pcap and pcapng files, read in turn as one capture; "-" is standard input.

  --json          one JSON object a line: "type" is session, http, handshake, alarm or, last, stats; columns are those of
                  the store
  --filter BPF    only frames that match, as with tcpdump
  --config FILE   settings in JSON, as a sensor has them, of which session and entropy count: {"session": {"maxSessions": 1000000}}
  --workers N     threads that share the sessions, 1 to 16; what is printed doesn't depend on it, unless a limit of the
                  settings is reached, which they share. By default what pays for the files' size, at most 4. It is 1 for
                  standard input, other pipes, and files that only libpcap knows

Exit status: 0 clean; 1 a file is damaged or can't be read: what was whole before the damage, and the other files, are printed,
and stats still come last; 2 nothing could be read, or the command line is wrong.
`;

const CLEAN = 0;
const DAMAGED = 1;
const NOTHING = 2;
/** Blocks of 1 MiB between two looks at the signal. */
const BLOCKS_PER_TURN = 16;
const WORKERS_MAX = 16;
/** More threads than these are not taken unless asked for. */
const WORKERS_DEFAULT_MAX = 4;
/** Below this a second thread costs more than it saves: its code has to be compiled as well. */
const SHARED_LEAST_BYTES = 96 * 1024 * 1024;
const FLUSH_BYTES = 64 * 1024;

/** `cepa-sensor read`; resolves to the exit status. */
export async function runReadCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      filter: { type: "string", default: "" },
      config: { type: "string" },
      workers: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(READ_USAGE);
    return CLEAN;
  }
  if (positionals.length === 0) return refuse("read: which file?");
  const wanted = values.workers === undefined ? 0 : /^\d+$/.test(values.workers) ? Number(values.workers) : -1;
  if (values.workers !== undefined && !(wanted >= 1 && wanted <= WORKERS_MAX))
    return refuse(`read: --workers: expected 1..${WORKERS_MAX}, found ${JSON.stringify(values.workers)}`);
  let config: EngineConfig;
  try {
    config = loadSettings(values.config);
  } catch (error) {
    return refuse(`read: --config: ${(error as Error).message}`);
  }
  const { json, filter } = values;
  const workers = planWorkers(positionals, wanted);
  const plan: ReadPlan = {
    paths: positionals,
    filter,
    json,
    config: shareConfig(config, workers),
    seed: randomBytes(16),
  };
  try {
    return await read(plan, workers, signal);
  } catch (error) {
    if (error instanceof OutputClosedError) return CLEAN;
    if ((error as NodeJS.ErrnoException).code === "ERR_BPF_SYNTAX")
      return refuse(`read: --filter: ${(error as Error).message}`);
    throw error;
  }
}

function loadSettings(path: string | undefined): EngineConfig {
  const settings =
    path === undefined ? DEFAULT_SENSOR_CONFIG : readSensorConfig(parseJson(readFileSync(path, "utf8"), path));
  const { session, entropy } = settings;
  return { session, entropy, profiles: loadProfiles(entropy.profilesFolder) };
}

/** How many threads share the sessions: 1 where the files can't be read more than once, or it would not pay. */
function planWorkers(paths: readonly string[], wanted: number): number {
  if (wanted === 1) return 1;
  let sizeBytes = 0;
  for (const path of paths) {
    const found = path === "-" ? undefined : statSync(path, { throwIfNoEntry: false });
    if (path !== "-" && found === undefined) continue; // whoever reads it says so
    if (found?.isFile() !== true) return 1;
    sizeBytes += found.size;
  }
  const workers =
    wanted || (sizeBytes < SHARED_LEAST_BYTES ? 1 : Math.min(availableParallelism(), WORKERS_DEFAULT_MAX));
  return workers === 1 || paths.some(isForLibpcap) ? 1 : workers;
}

/** libpcap's addon can't be loaded in a thread. */
function isForLibpcap(path: string): boolean {
  try {
    const opened = openSavefile(path);
    if (opened.name === "other") return true;
    opened.close();
    return false;
  } catch {
    return false;
  }
}

async function read(plan: ReadPlan, workers: number, signal: AbortSignal): Promise<number> {
  const output = new LineOutput(1);
  let isHeaded = plan.json;
  const write = (octets: Uint8Array, from: number, to: number) => {
    if (!isHeaded) output.write(renderSessionHeading());
    isHeaded = true;
    output.writeOctets(octets, from, to);
  };
  const outcomes =
    workers === 1 ? [await readAlone(plan, write, signal)] : await readTogether(plan, workers, write, signal);
  const results = complainOf(outcomes);
  if (results.size === 1 && results.has("unreadable")) return NOTHING;
  const counters = mergeCounters(outcomes.map((outcome) => outcome.counters));
  output.write(plan.json ? JSON.stringify({ type: "stats", ...counters }) : renderSummary(counters));
  output.flush();
  return results.has("damaged") || results.has("unreadable") ? DAMAGED : CLEAN;
}

type Write = (octets: Uint8Array, from: number, to: number) => void;

async function readAlone(plan: ReadPlan, write: Write, signal: AbortSignal): Promise<ReadOutcome> {
  let blocks = 0;
  const target: ShareTarget = {
    take: (lines, frame) => {
      const octets = lines.view();
      if (octets.length === 0 || (octets.length < FLUSH_BYTES && Number.isFinite(frame))) return;
      write(octets, 0, octets.length);
      lines.clear();
    },
    turn: async () => {
      if (++blocks % BLOCKS_PER_TURN === 0) await yieldToSignals();
      signal.throwIfAborted();
    },
  };
  return readShare(plan, { index: 0, count: 1 }, target);
}

async function readTogether(
  plan: ReadPlan,
  count: number,
  write: Write,
  signal: AbortSignal,
): Promise<readonly ReadOutcome[]> {
  const workers = new ReadWorkers(count, plan, write, signal);
  let blocks = 0;
  try {
    const target: ShareTarget = {
      take: (lines, frame, id) => {
        workers.push(lines.copy(frame, id));
        lines.clear();
      },
      turn: async () => {
        if (++blocks % BLOCKS_PER_TURN === 0) await yieldToSignals();
        await workers.turn();
      },
    };
    const own = await readShare(plan, { index: 0, count }, target);
    return [own, ...(await workers.finish())];
  } finally {
    await workers.close();
  }
}

/** Says what is wrong with the files, once; what became of them. */
function complainOf(outcomes: readonly ReadOutcome[]): ReadonlySet<FileResult> {
  const results = new Set<FileResult>();
  const complaints = new Set<string>();
  for (const { files } of outcomes)
    for (const { result, complaint } of files) {
      results.add(result);
      if (complaint !== "") complaints.add(complaint);
    }
  for (const complaint of complaints) complain(complaint);
  return results;
}

function renderSummary(counters: EngineCounters): string {
  const { frames, bytes, sessions, sessionsFlat, httpRequests, handshakes, alarms } = counters;
  const { notIp, truncated, malformed } = counters;
  return (
    `\n${frames} frames, ${bytes} octets, ${sessions} sessions, ${sessionsFlat} of them as flat as random, ` +
    `${httpRequests} HTTP requests, ${handshakes} handshakes, ${alarms} alarms; ` +
    `${notIp} frames without IP, ${truncated} truncated, ${malformed} malformed`
  );
}

function refuse(message: string): number {
  complain(message);
  return NOTHING;
}

function complain(message: string): void {
  process.stderr.write(`cepa-sensor: ${message}\n`);
}

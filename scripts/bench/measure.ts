import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** What one run of a program took. */
export interface Usage {
  readonly wallMs: number;
  /** Of the program and its children. */
  readonly userMs: number;
  readonly systemMs: number;
  /** The most that was seen, looking every 20 ms: anonymous memory (RssAnon). */
  readonly anonBytes: number;
  /** The most that was resident, files and shared memory included (VmHWM). */
  readonly residentBytes: number;
}

const LOOK_MS = 20;
const KIB = 1024;
/** bash's `time`, on file descriptor 3; the program has standard error and no descriptor 3. */
const TIMED = `TIMEFORMAT='%3R %3U %3S'; exec 4>&2; { time "$@" 2>&4 3>&- 4>&-; } 2>&3`;
/** What starts the program, within the tree as well; not measured. */
const STARTERS: ReadonlySet<string> = new Set(["bash", "sh", "unshare", "chroot", "env"]);

/** The command that runs `command` so that `measure` is told its times. */
export function timed(command: readonly string[]): readonly string[] {
  return ["bash", "-c", TIMED, "timed", ...command];
}

/**
 * Runs a command that has a `timed` one in it, with standard output and error into files. Throws when it fails, with what it
 * said last.
 */
export async function measure(
  command: readonly string[],
  files: { readonly stdout: string; readonly stderr: string },
  signal: AbortSignal,
): Promise<Usage> {
  const [program = "", ...args] = command;
  const stdout = openSync(files.stdout, "w");
  const stderr = openSync(files.stderr, "w");
  const child = spawn(program, args, { stdio: ["ignore", stdout, stderr, "pipe"], signal });
  closeSync(stdout);
  closeSync(stderr);
  let times = "";
  child.stdio[3]?.on("data", (chunk: Buffer) => {
    times += chunk.toString();
  });
  let anonBytes = 0;
  let residentBytes = 0;
  const closed = once(child, "close");
  while (child.exitCode === null && child.signalCode === null) {
    const memory = memoryBelow(child.pid ?? 0);
    anonBytes = Math.max(anonBytes, memory.anonBytes);
    residentBytes = Math.max(residentBytes, memory.residentBytes);
    await Promise.race([closed, delay(LOOK_MS)]);
  }
  await closed;
  const seconds = /^([\d.]+) ([\d.]+) ([\d.]+)$/m.exec(times);
  if (child.exitCode !== 0 || seconds === null)
    throw new Error(
      `${command.join(" ")}: status ${child.exitCode ?? child.signalCode}\n${readFileSync(files.stderr, "utf8").slice(-2000)}`,
    );
  const [wallMs = 0, userMs = 0, systemMs = 0] = seconds.slice(1).map((text) => Number(text) * 1000);
  return { wallMs, userMs, systemMs, anonBytes, residentBytes };
}

/** Of the processes that one has started, directly or not. */
function memoryBelow(processId: number): Pick<Usage, "anonBytes" | "residentBytes"> {
  const sum = { anonBytes: 0, residentBytes: 0 };
  const left = [processId];
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    const status = readProc(`${id}/status`);
    const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * KIB;
    if (!STARTERS.has(/^Name:\t(.*)$/m.exec(status)?.[1] ?? "")) {
      sum.anonBytes += kib("RssAnon");
      sum.residentBytes += kib("VmHWM");
    }
    const children = readProc(`${id}/task/${id}/children`).trim();
    if (children !== "") left.push(...children.split(" ").map(Number));
  }
  return sum;
}

/** A process that has ended has no file any more. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return "";
  }
}

import { spawn } from "node:child_process";
import { setPriority } from "node:os";
import { join } from "node:path";
import { isSea } from "node:sea";
import { fileURLToPath } from "node:url";
import type { RoleAnswer } from "../../core/contract/role.ts";

/** Folder of the sessions' files in /nsm. */
export const SESSIONS_FOLDER = "sessions";
/** The answer is one line to base: well below its limit. */
export const ANSWER_MAX_BYTES = 12 * 1024 * 1024;
const OUTPUT_LIMIT_BYTES = 4 * ANSWER_MAX_BYTES;
const ERROR_MAX_CHARACTERS = 1000;
/** Behind capture: a question may take longer, a frame may not be lost. */
const QUERY_PRIORITY = 15;

export interface QueryRequest {
  readonly sql: string;
  readonly maxRows: number;
  readonly timeoutMs: number;
}

type RowsAnswer = Extract<RoleAnswer, { type: "rows" | "error" }>;

/**
 * Runs one SELECT over the store of `nsmFolder`, in a process of its own: nothing else ends a query that SQLite is in the
 * middle of. The SQL goes by standard input. What is wrong with the SQL, and a time-out, are `error` answers; rejects only
 * when `signal` aborts.
 */
export async function runQuery(nsmFolder: string, request: QueryRequest, signal: AbortSignal): Promise<RowsAnswer> {
  const [program, ...before] = ownProgram();
  const args = [...before, "query", "--answer", "--store", join(nsmFolder, SESSIONS_FOLDER)];
  const ended = await runChild(
    program,
    [...args, "--max-rows", String(request.maxRows), "-"],
    request.sql,
    request.timeoutMs,
    signal,
  );
  if (ended.timedOut) return { type: "error", message: `the query took longer than ${request.timeoutMs / 1000} s` };
  if (ended.status === 0) return { type: "rows", ...JSON.parse(ended.stdout) };
  const message = ended.stderr.trim().replace(/^cepa-sensor: /, "");
  return { type: "error", message: message.slice(0, ERROR_MAX_CHARACTERS) || "the query was ended" };
}

/** How this program is started: the single executable itself, or Node.js and the source of the command line. */
function ownProgram(): [string, ...string[]] {
  if (isSea()) return [process.execPath];
  return [process.execPath, fileURLToPath(new URL("../main.ts", import.meta.url))];
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** SIGKILL, since a process inside SQLite does not get round to handling any other signal. */
function runChild(
  program: string,
  args: readonly string[],
  stdin: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    let timedOut = false;
    const kill = () => child.kill("SIGKILL");
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, timeoutMs);
    signal.addEventListener("abort", kill, { once: true });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let bytes = 0;
    const collect = (chunks: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_LIMIT_BYTES) kill();
      else chunks.push(chunk);
    };
    child.stdout.on("data", collect(stdout));
    child.stderr.on("data", collect(stderr));
    child.stdin.on("error", () => {}); // it ended before it read; its status tells
    child.stdin.end(stdin);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", kill);
    };
    child.once("spawn", () => {
      try {
        if (child.pid !== undefined) setPriority(child.pid, QUERY_PRIORITY);
      } catch {
        // it has ended already
      }
    });
    child.once("error", (error) => {
      settle();
      reject(error);
    });
    child.once("close", (status) => {
      settle();
      if (signal.aborted) reject(signal.reason);
      else
        resolve({
          status,
          stdout: Buffer.concat(stdout).toString("utf8"),
          stderr: Buffer.concat(stderr).toString("utf8"),
          timedOut,
        });
    });
  });
}

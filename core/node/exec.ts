import { spawn } from "node:child_process";
import { type Exec, ExecError } from "../ports.ts";

/** Standard output and error that are kept of a child; the rest is read and dropped. */
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

export const nodeExec: Exec = (program, args, signal, options = {}) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env === undefined ? process.env : { ...process.env, ...options.env },
      stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const kill = () => child.kill("SIGTERM");
    signal.addEventListener("abort", kill, { once: true });
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(kill, options.timeoutMs);
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    if (options.stdin !== undefined) {
      child.stdin?.on("error", () => {}); // a child that ends early closes the pipe; its status tells
      child.stdin?.end(options.stdin);
    }
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", kill);
    };
    child.once("error", (cause) => {
      settle();
      reject(new ExecError(program, undefined, "", String(cause.message), { cause }));
    });
    child.once("close", (status) => {
      settle();
      if (signal.aborted) reject(signal.reason);
      else if (status === 0) resolve({ stdout: stdout(), stderr: stderr() });
      else reject(new ExecError(program, status ?? undefined, stdout(), stderr()));
    });
  });

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  stream?.on("data", (chunk: Buffer) => {
    if (lengthBytes < OUTPUT_LIMIT_BYTES) chunks.push(chunk);
    lengthBytes += chunk.length;
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, type FileHandle, open, rm } from "node:fs/promises";

/** Beyond what the kernel holds of a line that nobody reads. */
const PENDING_LIMIT_BYTES = 4096;
const READY_TIMEOUT_MS = 20_000;

/** The far end of a serial line whose near end is the terminal at `path`. */
export interface Pty {
  readonly path: string;
  /** What the client of the line wrote. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** false: earlier octets still wait, since nobody reads the line, and these were dropped. */
  write(data: Uint8Array | string): boolean;
}

/**
 * Makes a pseudo-terminal by socat, raw and without echo, until `signal` aborts. It stays when a client closes it, so
 * that one can be killed and another started: we hold its near end open ourselves. What is written before a client
 * reads waits there, up to some kilobytes.
 */
export async function startPty(path: string, signal: AbortSignal): Promise<Pty> {
  signal.throwIfAborted();
  await rm(path, { force: true });
  const socat = spawn("socat", ["-b", "1024", "-", `pty,raw,echo=0,mode=660,link=${path}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let holder: FileHandle | undefined;
  signal.addEventListener("abort", () => {
    socat.kill();
    holder?.close().catch(() => {});
  });
  socat.stdin.on("error", () => {}); // socat has gone; the reading side says so
  await once(socat, "spawn");
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await isThere(path))) {
    if (socat.exitCode !== null || Date.now() > deadline) throw new Error(`socat made no terminal at ${path}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  holder = await open(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  return {
    path,
    chunks: socat.stdout,
    write(data) {
      if (signal.aborted || socat.stdin.writableLength > PENDING_LIMIT_BYTES) return false;
      socat.stdin.write(data);
      return true;
    },
  };
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

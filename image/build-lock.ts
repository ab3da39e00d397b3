import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "../core/ports.ts";

const LOOK_MS = 500;

/**
 * Runs `body` while no other process builds with the same cache; `waiting` is called once when there is one. The file
 * holds the builder's process id, so that one that was killed keeps nobody out.
 */
export async function withBuildLock<T>(
  path: string,
  clock: Clock,
  waiting: (processId: number) => void,
  signal: AbortSignal,
  body: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let isTold = false;
  while (!(await take(path))) {
    const owner = Number(await readFile(path, "utf8").catch(() => ""));
    if (owner > 0 && !isAlive(owner)) await rm(path, { force: true });
    else {
      if (!isTold && owner > 0) waiting(owner); // 0: it was given back just now
      isTold ||= owner > 0;
      await clock.sleep(LOOK_MS, signal);
    }
  }
  try {
    return await body();
  } finally {
    await rm(path, { force: true });
  }
}

/** The file comes into being with the process id in it: an empty one would say nothing of who holds it, and stay for ever. */
async function take(path: string): Promise<boolean> {
  const own = `${path}.${randomUUID()}`;
  await writeFile(own, String(process.pid), { flag: "wx" });
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

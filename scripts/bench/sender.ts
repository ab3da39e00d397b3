import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Place } from "./peer-tree.ts";

const LOOK_MS = 2;
const START_TIMEOUT_MS = 20_000;

export interface Sent {
  /** That arrived at the interface. */
  readonly frames: number;
  readonly durationMs: number;
}

/**
 * Sends the frames of `configuration`, a file in `folder` for trafgen(8), into one end of a veth pair. trafgen knows no rate
 * with its ring, so it is stopped while it is ahead of `framesPerSecond`, and sends as fast as it can between. Resolves after
 * `durationMs`; frames are counted where they arrive, at the interface `to`.
 */
export async function sendAtRate(
  place: Place,
  folder: string,
  configuration: string,
  ends: { readonly from: string; readonly to: string },
  framesPerSecond: number,
  durationMs: number,
  signal: AbortSignal,
): Promise<Sent> {
  const arrived = () => Number(readFileSync(`/sys/class/net/${ends.to}/statistics/rx_packets`, "utf8"));
  const before = arrived();
  const args = ["--cpus", "1", "--notouch-irq", "--conf", place.pathIn(folder, configuration), "--dev", ends.from];
  const [program = "", ...more] = place.within(folder, ["trafgen", ...args]);
  const errors = openSync(join(folder, "trafgen.err"), "w");
  const child = spawn(program, more, { stdio: ["ignore", "ignore", errors], detached: true });
  closeSync(errors);
  const ended = once(child, "close");
  const say = (name: NodeJS.Signals) => process.kill(-(child.pid ?? 0), name);
  try {
    const launchedAtMs = performance.now();
    while (arrived() === before) {
      if (child.exitCode !== null || performance.now() - launchedAtMs > START_TIMEOUT_MS)
        throw new Error(`trafgen does not send:\n${readFileSync(join(folder, "trafgen.err"), "utf8").slice(-1000)}`);
      await delay(LOOK_MS, undefined, { signal });
    }
    const startedAtMs = performance.now();
    let isStopped = false;
    for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs = performance.now() - startedAtMs) {
      const isAhead = arrived() - before > (framesPerSecond * elapsedMs) / 1000;
      if (isAhead !== isStopped) say(isAhead ? "SIGSTOP" : "SIGCONT");
      isStopped = isAhead;
      await delay(LOOK_MS, undefined, { signal });
    }
    return { durationMs: performance.now() - startedAtMs, ...(await finish()) };
  } finally {
    if (child.exitCode === null && child.signalCode === null) say("SIGKILL");
  }

  async function finish(): Promise<Pick<Sent, "frames">> {
    say("SIGKILL");
    await ended;
    return { frames: arrived() - before };
  }
}

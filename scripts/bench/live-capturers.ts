import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CaptureRole } from "../rig/capture-role.ts";
import { LIVE_FRAME_BYTES } from "./live-frames.ts";
import type { Place } from "./peer-tree.ts";

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const KIB = 1024;
const LOOK_MS = 50;
const IFF_PROMISC = 0x100;

export interface Caught {
  /** In the files that were written. */
  readonly written: number;
  /** By the analysis; undefined for who does none. */
  readonly analysed: number | undefined;
}

/** What captures on an interface and writes files into an empty folder in memory. */
export interface Capturer {
  readonly name: string;
  /** Resolves once it captures, to what ends it and says what it caught of the frames that were sent. */
  readonly start: (
    folder: string,
    ringBytes: number,
    signal: AbortSignal,
  ) => Promise<(sent: number) => Promise<Caught>>;
}

export function tcpdumpCapturer(place: Place, port: string): Capturer {
  return {
    name: "tcpdump -w",
    start: async (folder, ringBytes, signal) => {
      const files = { errors: join(folder, "tcpdump.err"), capture: join(folder, "tcpdump.pcap") };
      const options = ["-n", "-i", port, "-B", String(ringBytes / KIB), "-Z", "root"];
      const command = ["tcpdump", ...options, "-w", place.pathIn(folder, "tcpdump.pcap")];
      const [program = "", ...args] = place.within(folder, command);
      const errors = openSync(files.errors, "w");
      const child = spawn(program, args, { stdio: ["ignore", "ignore", errors], detached: true });
      closeSync(errors);
      const ended = once(child, "close");
      while (!readFileSync(files.errors, "utf8").includes("listening on")) {
        if (child.exitCode !== null) throw new Error(`tcpdump: ${readFileSync(files.errors, "utf8")}`);
        await delay(LOOK_MS, undefined, { signal });
      }
      return async () => {
        await grown(files.capture, signal);
        process.kill(-(child.pid ?? 0), "SIGINT");
        await ended;
        return { written: framesIn([files.capture]), analysed: undefined };
      };
    },
  };
}

/** Ours: writer and analyser with a ring each, of that size. */
export function sensorCapturer(port: string): Capturer {
  return {
    name: "cepa-sensor",
    start: async (folder, ringBytes, signal) => {
      const role = await CaptureRole.start(folder, { capture: { ringSizeBytes: ringBytes } }, signal);
      await role.givePorts([port]);
      await role.giveStore();
      await role.statusWhen(({ state }) => state === "capturing");
      while ((Number(readFileSync(`/sys/class/net/${port}/flags`, "utf8")) & IFF_PROMISC) === 0)
        await delay(LOOK_MS, undefined, { signal });
      return async (sent) => {
        const { analyserDrops, frames } = await settled(role, sent, signal);
        await role.stop();
        const pcap = join(role.nsmFolder, "pcap");
        return {
          written: framesIn(readdirSync(pcap).map((name) => join(pcap, name))),
          analysed: Math.min(frames, sent - analyserDrops),
        };
      };
    },
  };
}

/** Once what is in the ring is written too: when the file has not grown for a second. */
async function grown(path: string, signal: AbortSignal): Promise<void> {
  for (let before = -1, now = 0; now !== before; now = statSync(path).size) {
    before = now;
    await delay(1000, undefined, { signal });
  }
}

/** Its status once every frame is analysed or lost, or nothing has come for three seconds. */
async function settled(role: CaptureRole, sent: number, signal: AbortSignal) {
  let last = await role.statusWhen(() => true);
  for (let same = 0; same < 3; ) {
    await delay(1000, undefined, { signal });
    const next = await role.statusWhen(() => true);
    if (next.frames + next.analyserDrops >= sent) return next;
    same = next.frames === last.frames && next.pcapBytes === last.pcapBytes ? same + 1 : 0;
    last = next;
  }
  return last;
}

/** Runs `body` with an empty folder of its own, which is gone after it. */
export async function withEmptyFolder<T>(folder: string, body: () => Promise<T>): Promise<T> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    return await body();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** All frames have the same length. */
function framesIn(paths: readonly string[]): number {
  const bytes = paths.reduce((sum, path) => sum + statSync(path).size - FILE_HEADER_BYTES, 0);
  return bytes / (RECORD_HEADER_BYTES + LIVE_FRAME_BYTES);
}

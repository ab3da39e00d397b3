import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeCapture } from "../bench-capture.ts";
import type { TrafficOptions } from "../traffic/traffic.ts";
import { median, type Scaling } from "./bench-result.ts";
import type { Contestant } from "./contestants.ts";
import type { Course } from "./course.ts";
import { THIS_MACHINE } from "./peer-tree.ts";

const MB = 1_000_000;
const ROUNDS = 3;
/** Of the two sizes that are compared, frames are as many and as long. */
const SMALL = { seed: 1, kind: "small", pauseMs: 250 } as const;
const SIZES: readonly TrafficOptions[] = [
  { ...SMALL, sizeBytes: 627 * MB, sessionsAtATime: 10_000 },
  { ...SMALL, sizeBytes: MB, sessionsAtATime: 1_000_000 },
];
/** All of these sessions are open at once; each says all that it has to say. */
const MANY: TrafficOptions = { seed: 1, kind: "mixed", pauseMs: 250, sizeBytes: MB, sessionsAtATime: 100_000 };
const SETTINGS = { session: { maxSessions: 1_200_000 } };

/** How our time a frame and our memory grow with the sessions that are open at once. */
export async function measureScaling(
  course: Course,
  folder: string,
  sensor: string,
  say: (line: string) => void,
): Promise<Scaling> {
  const settings = join(folder, "many-sessions.json");
  writeFileSync(settings, JSON.stringify(SETTINGS));
  const reader = (args: readonly string[]): Contestant => ({
    name: "cepa-sensor",
    package: undefined,
    job: "",
    roundsMost: ROUNDS,
    command: ({ capture }) => [sensor, "read", "--json", ...args, capture],
    found: () => ({}),
  });
  const made = SIZES.map((options) => {
    const name = `small-${options.sessionsAtATime}.pcap`;
    say(`${name}: making it, unless it is there`);
    return { name, options, counts: makeCapture(join(folder, name), options), cpuMs: [] as number[] };
  });
  const one = reader(["--workers", "1", "--config", settings]);
  for (let round = 0; round < ROUNDS; round++)
    for (const { name, cpuMs } of made) {
      const usage = await course.run(one, THIS_MACHINE, name, false);
      say(`${name}: ${(usage.wallMs / 1000).toFixed(2)} s`);
      cpuMs.push(usage.userMs + usage.systemMs);
    }
  const sizes = made.map(({ options, counts, cpuMs }) => ({
    sessionsAtATime: options.sessionsAtATime,
    frames: counts.frames,
    cpuNsPerFrame: (median(cpuMs) * 1e6) / counts.frames,
  }));
  const name = `mixed-${MANY.sessionsAtATime}.pcap`;
  say(`${name}: making it, unless it is there`);
  makeCapture(join(folder, name), MANY);
  const { anonBytes, residentBytes } = await course.run(reader(["--workers", "2"]), THIS_MACHINE, name, false);
  return {
    sizes,
    ratio: (sizes.at(-1)?.cpuNsPerFrame ?? Number.NaN) / (sizes[0]?.cpuNsPerFrame ?? Number.NaN),
    memory: { sessionsAtATime: MANY.sessionsAtATime, anonBytes, residentBytes },
  };
}

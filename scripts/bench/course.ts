import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Contestant, OUTPUT } from "./contestants.ts";
import { measure, timed, type Usage } from "./measure.ts";
import { mountMemory } from "./memory-folder.ts";
import type { Place } from "./peer-tree.ts";

/** Where contestants run, one after the other: a folder in memory for what they write, a collector that drops flows. */
export class Course {
  /** Holds the captures; a tree sees it as /work. */
  readonly #folder: string;
  readonly #run: string;
  readonly #collector = createSocket("udp4");
  readonly #signal: AbortSignal;
  #unmount = async (): Promise<void> => {};

  private constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#run = join(folder, "run");
    this.#signal = signal;
  }

  static async open(folder: string, signal: AbortSignal): Promise<Course> {
    const course = new Course(folder, signal);
    course.#unmount = await mountMemory(course.#run, signal);
    course.#collector.bind(0, "127.0.0.1");
    await once(course.#collector, "listening");
    return course;
  }

  async close(): Promise<void> {
    this.#collector.close();
    await this.#unmount();
  }

  /** One run; `capture` is a name in the folder. With `isCounted` what it prints is kept, and `found` reads it. */
  async run(contestant: Contestant, place: Place, capture: string, isCounted: boolean): Promise<Usage & Found> {
    for (const name of Object.values(OUTPUT)) rmSync(join(this.#run, name), { recursive: true, force: true });
    const output = join(this.#run, OUTPUT.folder);
    mkdirSync(output);
    const command = contestant.command({
      capture: place.pathIn(this.#folder, capture),
      output: place.pathIn(this.#folder, join("run", OUTPUT.folder)),
      collectorPort: this.#collector.address().port,
    });
    const stdout = isCounted ? join(this.#run, OUTPUT.stdout) : "/dev/null";
    const files = { stdout, stderr: join(this.#run, OUTPUT.stderr) };
    const usage = await measure(place.within(this.#folder, timed(command)), files, this.#signal);
    const found = isCounted ? contestant.found(this.#run) : {};
    rmSync(output, { recursive: true });
    return { ...usage, found };
  }
}

interface Found {
  readonly found: Readonly<Record<string, number>>;
}

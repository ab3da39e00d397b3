import type { Machine } from "./bench-result.ts";

/** What `make bench-live` measured. */
export interface LiveResult {
  readonly machine: Machine;
  readonly ringBytes: number;
  readonly frameBytes: number;
  readonly heats: readonly Heat[];
}

/** One capturer at one rate. */
export interface Heat {
  readonly name: string;
  /** Undefined: as fast as the sender can. */
  readonly framesPerSecond: number | undefined;
  readonly durationMs: number;
  readonly sent: number;
  readonly written: number;
  readonly analysed: number | undefined;
}

export interface Pace {
  readonly framesPerSecond: number | undefined;
  readonly durationMs: number;
}

/** `100,500:30,max`: thousand frames a second, each for the seconds behind the colon; undefined when it isn't that. */
export function parsePaces(text: string, defaultSeconds: number): readonly Pace[] | undefined {
  const paces: Pace[] = [];
  for (const part of text.split(",")) {
    const found = /^(max|[1-9]\d{0,4})(?::([1-9]\d{0,3}))?$/.exec(part);
    if (found === null) return undefined;
    const [, rate = "", seconds] = found;
    paces.push({
      framesPerSecond: rate === "max" ? undefined : Number(rate) * 1000,
      durationMs: 1000 * (seconds === undefined ? defaultSeconds : Number(seconds)),
    });
  }
  return paces;
}

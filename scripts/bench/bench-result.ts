import type { TrafficCounts } from "../traffic/traffic.ts";

/** What `make bench` measured. */
export interface BenchResult {
  readonly machine: Machine;
  readonly capture: TrafficCounts & { readonly fileBytes: number };
  readonly rounds: number;
  readonly standings: readonly Standing[];
  /** Undefined when it was not asked for. */
  readonly scaling: Scaling | undefined;
}

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly system: string;
  readonly node: string;
  /** YYYY-MM-DD. */
  readonly date: string;
}

/** Of one contestant; times are medians over its rounds, memory the most of any. */
export interface Standing {
  readonly name: string;
  readonly version: string;
  readonly job: string;
  readonly rounds: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly anonBytes: number;
  readonly residentBytes: number;
  /** Medians over those of httpry; undefined when that did not run. */
  readonly wallRatio: number | undefined;
  readonly cpuRatio: number | undefined;
  readonly found: Readonly<Record<string, number>>;
}

export interface Scaling {
  /** In the order of their sessions at a time. */
  readonly sizes: readonly {
    readonly sessionsAtATime: number;
    readonly frames: number;
    readonly cpuNsPerFrame: number;
  }[];
  /** CPU time a frame with the most sessions over that with the fewest. */
  readonly ratio: number;
  /** With two workers. */
  readonly memory: { readonly sessionsAtATime: number; readonly anonBytes: number; readonly residentBytes: number };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

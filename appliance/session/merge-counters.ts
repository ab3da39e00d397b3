import { type EngineCounters, SHARED_COUNTERS, zeroCounters } from "./engine-counters.ts";

const SHARED: ReadonlySet<string> = new Set(SHARED_COUNTERS);

/**
 * The counters of engines that share the sessions of the same frames, as if one had done it all. What all of them count alike
 * is taken from the one that counted most: a live one may have lost frames.
 */
export function mergeCounters(all: readonly EngineCounters[]): EngineCounters {
  const merged = zeroCounters();
  for (const name of Object.keys(merged) as (keyof EngineCounters)[])
    for (const counters of all)
      merged[name] = SHARED.has(name) ? Math.max(merged[name], counters[name]) : merged[name] + counters[name];
  return merged;
}

import { COUNTED, COUNTER_NAMES, type EngineCounters, zeroCounters } from "./engine-counters.ts";

/**
 * The counters of engines that share the sessions of the same frames, as if one had done it all. What all of them count alike
 * is taken from the one that counted most: a live one may have lost frames.
 */
export function mergeCounters(all: readonly EngineCounters[]): EngineCounters {
  const merged = zeroCounters();
  for (const name of COUNTER_NAMES)
    for (const counters of all)
      merged[name] = COUNTED[name] === "alike" ? Math.max(merged[name], counters[name]) : merged[name] + counters[name];
  return merged;
}

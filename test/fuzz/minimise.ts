import type { Blackboard } from "./blackboard.ts";
import { Coverage, covers, isUnderTest, type Span } from "./coverage.ts";
import { joined } from "./octets.ts";
import type { Target } from "./target.ts";

/** Runs that the shortening of one input may take. */
const TRIALS_MAX = 100;

/**
 * The fewest and shortest inputs by which code is reached that the target's own seeds don't reach: the shortest candidates
 * first, each on a new state, so that what is kept reaches its code whatever runs before it; then shortened as long as it does.
 */
export function minimise(
  target: Target,
  candidates: readonly Uint8Array[],
  blackboard: Blackboard,
): readonly Uint8Array[] {
  const coverage = new Coverage(isUnderTest);
  const reach = (input: Uint8Array): readonly Span[] => {
    blackboard.write(input);
    const take = target.start();
    coverage.reset(); // making a state runs code too
    take(input);
    return coverage.takeNew();
  };
  for (const seed of target.seeds()) coverage.remember(reach(seed));
  const kept: Uint8Array[] = [];
  for (const candidate of candidates.toSorted((a, b) => a.length - b.length)) {
    const fresh = reach(candidate);
    if (fresh.length === 0) continue;
    const short = shorten(target, candidate, (input) => covers(reach(input), fresh));
    coverage.remember(reach(short));
    kept.push(short);
  }
  return kept;
}

/** Leaves out parts, first many at a time, then few, for as long as what is left `suffices`. */
function shorten(target: Target, input: Uint8Array, suffices: (input: Uint8Array) => boolean): Uint8Array {
  const { fixed, parts: all } = target.partsOf?.(input) ?? { fixed: input.subarray(0, 0), parts: octetsOf(input) };
  let parts = all;
  let trials = 0;
  for (let size = parts.length >> 1; size > 0; size >>= 1)
    for (let at = 0; at < parts.length && trials < TRIALS_MAX; trials++) {
      const fewer = parts.toSpliced(at, size);
      if (suffices(joined([fixed, ...fewer]))) parts = fewer;
      else at += size;
    }
  return joined([fixed, ...parts]);
}

function octetsOf(input: Uint8Array): Uint8Array[] {
  return Array.from(input, (_, at) => input.subarray(at, at + 1));
}

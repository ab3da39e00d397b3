import type { EngineConfig } from "./engine-options.ts";

/** A share of n sessions has more than this many standard deviations (the square root of n, at most) above n once in 30,000 times. */
const MARGIN_DEVIATIONS = 4;

/** Settings of each of `count` engines that share the sessions: together they take about the memory that one would. */
export function shareConfig(config: EngineConfig, count: number): EngineConfig {
  const { maxSessions, heldBytes, heldDirectionBytes, readerBytes } = config.session;
  return {
    ...config,
    session: {
      ...config.session,
      maxSessions: shareOfSessions(maxSessions, count),
      heldBytes: Math.max(Math.ceil(heldBytes / count), heldDirectionBytes),
      readerBytes: Math.ceil(readerBytes / count),
    },
    entropy: { ...config.entropy, rawWindowsBytes: Math.ceil(config.entropy.rawWindowsBytes / count) },
  };
}

/** Shares are by a hash, so that none is just its part. */
function shareOfSessions(maxSessions: number, count: number): number {
  const part = maxSessions / count;
  return count === 1 ? maxSessions : Math.min(maxSessions, Math.ceil(part + MARGIN_DEVIATIONS * Math.sqrt(part)));
}

import type { EngineConfig } from "./engine.ts";

/** Settings of each of `count` engines that share the sessions: together they take the memory that one would. */
export function shareConfig(config: EngineConfig, count: number): EngineConfig {
  const { maxSessions, heldBytes, heldDirectionBytes } = config.session;
  return {
    ...config,
    session: {
      ...config.session,
      maxSessions: Math.ceil(maxSessions / count),
      heldBytes: Math.max(Math.ceil(heldBytes / count), heldDirectionBytes),
    },
    entropy: { ...config.entropy, rawWindowsBytes: Math.ceil(config.entropy.rawWindowsBytes / count) },
  };
}

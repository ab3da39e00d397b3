import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../ports.ts";

export const nodeClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (durationMs, signal) => delay(durationMs, undefined, { signal }),
};

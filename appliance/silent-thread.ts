import type { Worker } from "node:worker_threads";
import type { Clock } from "../core/ports.ts";

const LOOK_MS = 10_000;
/** Looks and not a time: a machine that itself stood still has heard nobody. */
const SILENT_LOOKS_MAX = 12;

/**
 * Rejects when a thread that reports each second has said nothing for two minutes: it hangs, in a loop or in the kernel. With an AbortError
 * when `signal` aborts.
 */
export async function failWhenSilent(
  worker: Pick<Worker, "on" | "off">,
  name: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let silentLooks = 0;
  const hear = () => {
    silentLooks = 0;
  };
  worker.on("message", hear);
  try {
    do await clock.sleep(LOOK_MS, signal);
    while (++silentLooks <= SILENT_LOOKS_MAX);
  } finally {
    worker.off("message", hear);
  }
  throw new Error(`the thread ${name} has said nothing for ${(SILENT_LOOKS_MAX * LOOK_MS) / 1000} s`);
}

import { test } from "node:test";

/** Tests that follow one another on one machine: after a failed one the others say so, and fail. */
export function inSteps(timeoutMs: number): (name: string, body: () => Promise<void>, timeoutMs?: number) => void {
  let failed = false;
  return (name, body, ownTimeoutMs = timeoutMs) => {
    test(name, { timeout: ownTimeoutMs }, async () => {
      if (failed) throw new Error("an earlier step failed");
      failed = true;
      await body();
      failed = false;
    });
  };
}

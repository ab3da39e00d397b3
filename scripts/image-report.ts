import type { StepEvent } from "../image/step-runner.ts";

/** A line on standard error for a step that starts, and one for how long it took. */
export function reportImageStep(event: StepEvent): void {
  const label = `image: ${event.step.does}`;
  if (event.name === "kept") process.stderr.write(`${label}: kept\n`);
  else if (event.name === "started") process.stderr.write(`${label} …\n`);
  else process.stderr.write(`${label}: ${(event.durationMs / 1000).toFixed(1)} s\n`);
}

export function reportWaiting(processId: number): void {
  process.stderr.write(`image: waiting for process ${processId}, which builds\n`);
}

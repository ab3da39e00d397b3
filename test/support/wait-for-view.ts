import { setTimeout as delay } from "node:timers/promises";
import type { SensorView } from "../../provider/base/status.ts";
import type { Rig, RunningSensor } from "../../scripts/rig/rig.ts";

/** What base knows of a rig's sensor, once it `matches`; throws after `timeoutMs`, with the end of the sensor's console. */
export async function waitForRigView(
  { rig, sensor, pollMs }: { readonly rig: Rig; readonly sensor: () => RunningSensor; readonly pollMs: number },
  what: string,
  timeoutMs: number,
  matches: (view: SensorView) => boolean,
  signal: AbortSignal,
): Promise<SensorView> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const view = await rig.view(signal);
    if (matches(view)) return view;
    if (performance.now() > deadlineMs)
      throw new Error(
        `not within ${timeoutMs} ms: ${what}\n${JSON.stringify(view)}\n${(await sensor().vm.readConsole()).slice(-3000)}`,
      );
    await delay(pollMs, undefined, { signal });
  }
}

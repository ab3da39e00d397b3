import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { framesOfPcap } from "../../scripts/rig/pcap-frames.ts";
import type { SensorVm } from "../../scripts/rig/qemu.ts";

const GAP_MS = 200;
const [LEAST_BYTES, MOST_BYTES] = [60, 1514];

/** A capture's frames into the first SPAN port, over and over, until the machine ends (rejects) or the signal aborts (rejects). */
export async function feedSpan({ span }: SensorVm, capture: string, signal: AbortSignal): Promise<never> {
  const frames = framesOfPcap(await readFile(capture)).filter(
    ({ bytes }) => bytes.length >= LEAST_BYTES && bytes.length <= MOST_BYTES,
  );
  for (let at = 0; ; at = (at + 1) % frames.length) {
    await span[0]?.send(frames[at]?.bytes ?? new Uint8Array(LEAST_BYTES));
    await delay(GAP_MS, undefined, { signal });
  }
}

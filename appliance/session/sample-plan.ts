import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import { SLOT_BYTES } from "./sample-pool.ts";

export type SampleSettings = Omit<SensorConfig["entropy"], "profilesFolder">;

/** Counts are of 16 bits. */
const COUNTED_MAX_BYTES = 65_535;
/** The first checkpoint of the cumulative entropy; each other is twice as far. */
const FIRST_CHECKPOINT_BYTES = 1024;

/** What there is to do once so many octets have come; bits of Cut.what. */
export const AT_START_SAMPLE_END = 1;
export const AT_CHECKPOINT = 2;
export const AT_OFFSET = 4;
export const AT_WINDOW_END = 8;
/** What was counted before the first window is needed no more. */
export const AT_BEFORE_END = 16;

export interface Cut {
  readonly octets: number;
  readonly what: number;
  /** The octets since the cut before are part of something. */
  readonly isCounted: boolean;
}

/** Where the payload of a direction is cut, by the settings. */
export interface SamplePlan {
  readonly sizeBytes: number;
  readonly offsetBytes: number;
  /** Octets after which the first window is the one from the offset on. */
  readonly decidedBytes: number;
  /** Octets kept as they are, to tell a format from. */
  readonly headBytes: number;
  /** Octets after which the cumulative entropy is noted; none beyond the first window. */
  readonly checkpoints: readonly number[];
  /** In order. The last one is the end of the last window. */
  readonly cuts: readonly Cut[];
  /** Index of the cut that ends the first window. */
  readonly firstWindowEnd: number;
}

export function samplePlan(config: SampleSettings): SamplePlan {
  const sizeBytes = Math.min(config.sampleBytes, COUNTED_MAX_BYTES);
  const offsetBytes = Math.min(config.offsetBytes, COUNTED_MAX_BYTES);
  const decidedBytes = offsetBytes + config.leastRestBytes;
  const windowEnd = offsetBytes + sizeBytes;
  const firstEnd = Math.max(windowEnd, decidedBytes);
  const checkpoints: number[] = [];
  const deepest = Math.min(config.profileBytes, windowEnd);
  for (let octets = FIRST_CHECKPOINT_BYTES; octets <= deepest; octets *= 2) checkpoints.push(octets);
  const todo = new Map<number, number>();
  const put = (octets: number, what: number) => todo.set(octets, (todo.get(octets) ?? 0) | what);
  if (sizeBytes < decidedBytes) put(sizeBytes, AT_START_SAMPLE_END);
  if (offsetBytes > 0) {
    put(offsetBytes, AT_OFFSET);
    put(Math.max(decidedBytes, checkpoints.at(-1) ?? 0), AT_BEFORE_END);
  }
  for (const octets of checkpoints) put(octets, AT_CHECKPOINT);
  put(windowEnd, 0);
  for (let i = 0; i < config.windows; i++) put(firstEnd + i * sizeBytes, AT_WINDOW_END);
  const cuts = [...todo]
    .sort(([a], [b]) => a - b)
    .map(([octets, what]): Cut => ({ octets, what, isCounted: octets <= windowEnd || octets > decidedBytes }));
  return {
    sizeBytes,
    offsetBytes,
    decidedBytes,
    headBytes: Math.min(decidedBytes, SLOT_BYTES),
    checkpoints,
    cuts,
    firstWindowEnd: cuts.findIndex(({ what }) => (what & AT_WINDOW_END) !== 0),
  };
}

import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import { CHECKPOINT_LEAST_BYTES } from "../entropy/profile.ts";
import { SLOT_BYTES } from "./sample-pool.ts";

/** Counts are of 16 bits, and begin with the first octet of a direction. */
const COUNTED_MAX_BYTES = 65_535;

/** Places in the payload of a direction, in octets from its start. */
export interface SamplePlan {
  /** Of a window. */
  readonly sizeBytes: number;
  /** Where the first window begins. */
  readonly offsetBytes: number;
  /** From here on the sample is the first window. */
  readonly decidedBytes: number;
  /** What is kept as it is before octets are counted. */
  readonly headBytes: number;
  /** End of the last window. */
  readonly endBytes: number;
  /** Where something is to be done, ascending; the last is `endBytes`. */
  readonly stops: Uint32Array;
}

/** A least rest longer than a window counts as one window; windows end where counts would overflow. */
export function planSample(config: SensorConfig["entropy"]): SamplePlan {
  const offsetBytes = Math.min(config.offsetBytes, COUNTED_MAX_BYTES - CHECKPOINT_LEAST_BYTES);
  const sizeBytes = Math.min(config.sampleBytes, COUNTED_MAX_BYTES - offsetBytes);
  const decidedBytes = offsetBytes + Math.min(config.leastRestBytes, sizeBytes);
  const windows = Math.min(config.windows, Math.floor((COUNTED_MAX_BYTES - offsetBytes) / sizeBytes));
  const endBytes = offsetBytes + windows * sizeBytes;
  const headBytes = Math.min(SLOT_BYTES, endBytes);
  const stops = new Set([sizeBytes, headBytes, offsetBytes, decidedBytes]);
  for (let window = 1; window <= windows; window++) stops.add(offsetBytes + window * sizeBytes);
  for (let octets = CHECKPOINT_LEAST_BYTES; octets <= endBytes; octets *= 2) stops.add(octets);
  stops.delete(0);
  return {
    sizeBytes,
    offsetBytes,
    decidedBytes,
    headBytes,
    endBytes,
    stops: Uint32Array.from([...stops].sort((a, b) => a - b)),
  };
}

/** Where the window begins that an octet is part of; -1 before the first. */
export function windowStart({ offsetBytes, sizeBytes }: SamplePlan, octet: number): number {
  return octet < offsetBytes ? -1 : octet - ((octet - offsetBytes) % sizeBytes);
}

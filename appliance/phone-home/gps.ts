import { GPS } from "gps";
import type { Fix } from "../../core/contract/role.ts";

/** NMEA 0183 allows 82 characters; receivers send longer ones of their own. */
export const NMEA_LIMIT_BYTES = 256;
/** RMC and GGA of one epoch come within it. */
const EPOCH_MS = 3_000;
const RECENT_MS = 10_000;
const SILENT_MS = 10_000;
const WEEKS_1024_MS = 1024 * 7 * 24 * 3_600_000;

/** What the receiver has said so far. Times of arrival are monotonic but for the fix's own `atMs`. */
export interface GpsState {
  readonly lastSentenceMs: number | undefined;
  readonly fix: Fix | undefined;
  readonly fixMs: number | undefined;
  /** Date and time of the last valid RMC, week rollover undone, Unix milliseconds. */
  readonly gpsTimeMs: number | undefined;
  readonly quality: Quality | undefined;
  /** Sentences that could not be read: no checksum, a wrong one, or no form that the parser knows. */
  readonly unreadable: number;
}

interface Quality {
  readonly arrivedMs: number;
  readonly good: boolean;
  readonly hdop: number | null;
  readonly satellites: number | null;
}

export interface Arrival {
  readonly nowMs: number;
  readonly monotonicMs: number;
  /** No receiver can be before it: when the image was built or the box was flashed. */
  readonly notBeforeMs: number;
}

export const NO_GPS: GpsState = {
  lastSentenceMs: undefined,
  fix: undefined,
  fixMs: undefined,
  gpsTimeMs: undefined,
  quality: undefined,
  unreadable: 0,
};

/**
 * A fix is a position in an RMC sentence with status A, while the last GGA (of at most EPOCH_MS before) has a quality
 * that a receiver got from satellites. Source: NMEA 0183, sentences RMC and GGA.
 */
export function nextGpsState(state: GpsState, line: string, arrival: Arrival): GpsState {
  if (!line.startsWith("$")) return state;
  const sentence = parseSentence(line);
  if (sentence === undefined) return { ...state, unreadable: state.unreadable + 1 };
  const heard: GpsState = { ...state, lastSentenceMs: arrival.monotonicMs };
  if (sentence.type === "GGA") {
    const good = ["fix", "dgps-fix", "pps-fix", "rtk", "rtk-float"].includes(sentence.quality ?? "");
    const { hdop, satellites } = sentence;
    return {
      ...heard,
      quality: { arrivedMs: arrival.monotonicMs, good, hdop: finite(hdop), satellites: finite(satellites) },
    };
  }
  if (sentence.type !== "RMC" || sentence.status !== "active") return heard;
  const { lat, lon, time } = sentence;
  const quality = heard.quality;
  if (quality === undefined || !quality.good || arrival.monotonicMs - quality.arrivedMs > EPOCH_MS) return heard;
  if (!isPosition(lat, lon)) return heard;
  const fix: Fix = {
    atMs: arrival.nowMs,
    latitudeDeg: lat as number,
    longitudeDeg: lon as number,
    hdop: quality.hdop,
    satellites: quality.satellites,
  };
  return { ...heard, fix, fixMs: arrival.monotonicMs, gpsTimeMs: undoRollover(time?.getTime(), arrival.notBeforeMs) };
}

/** `open` is whether the serial line is. */
export function gpsCondition(
  state: GpsState,
  open: boolean,
  monotonicMs: number,
): "absent" | "silent" | "noFix" | "fix" {
  if (!open) return "absent";
  if (state.lastSentenceMs === undefined || monotonicMs - state.lastSentenceMs > SILENT_MS) return "silent";
  return state.fixMs !== undefined && monotonicMs - state.fixMs <= RECENT_MS ? "fix" : "noFix";
}

function parseSentence(line: string) {
  if (!/^\$.*\*[0-9A-Fa-f]{2}$/.test(line)) return undefined; // the parser takes a line without a checksum
  try {
    const sentence = GPS.Parse(line);
    return sentence !== false && sentence.valid ? sentence : undefined;
  } catch {
    return undefined;
  }
}

function isPosition(latitude: number | null, longitude: number | null): boolean {
  if (latitude === null || longitude === null) return false;
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && !(latitude === 0 && longitude === 0);
}

/** A receiver whose count of weeks ran over (IS-GPS-200, 20.3.3.3.1.1: ten bits) is whole eras of 1,024 weeks behind. */
function undoRollover(timeMs: number | undefined, notBeforeMs: number): number | undefined {
  if (timeMs === undefined || !Number.isFinite(timeMs)) return undefined;
  const behindMs = notBeforeMs - timeMs;
  return behindMs > 0 ? timeMs + Math.ceil(behindMs / WEEKS_1024_MS) * WEEKS_1024_MS : timeMs;
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

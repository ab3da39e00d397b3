import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import type { EntropyProfile } from "../entropy/entropy-profile.ts";

export interface EngineConfig extends Pick<SensorConfig, "session" | "entropy"> {
  /** The shipped ones by default. */
  readonly profiles?: readonly EntropyProfile[];
}

/** One of several engines that see the same frames, each with its part of the sessions. */
export interface Share {
  readonly index: number;
  readonly count: number;
}

export interface EngineOptions {
  /** 16 random octets: key of the session table's hash, and of how sessions are shared: the same for all that share them. */
  readonly seed: Uint8Array;
  /** Goes into every record. */
  readonly sensor: string;
  /** Of a session that the first packet opens; the store's `nextId` or more when the records go there. */
  readonly firstId: number;
  /** A session that the packet after opens has so much more, and so on. 1 by default. */
  readonly idStride?: number;
  /** All sessions by default. */
  readonly share?: Share;
}

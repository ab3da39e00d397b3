import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import type { HttpRecord, SessionRecord } from "./record.ts";

export type EngineConfig = Pick<SensorConfig, "session" | "entropy">;

/** Where records go. Called from within `frame`, `advance` and `finish`; what throws here stops the engine's caller. */
export interface EngineSink {
  /** `final` is false for a session that goes on (every `activeMs`): the same id comes again. */
  session(record: SessionRecord, final: boolean): void;
  http(record: HttpRecord): void;
}

export interface EngineOptions {
  /** 16 random octets: key of the session table's hash. */
  readonly seed: Uint8Array;
  /** Goes into every record. */
  readonly sensor: string;
  /** Of the first session; the store's `nextId` when the records go there. */
  readonly firstId: number;
}

/** Counted from the start; every limit has its counter. */
export interface EngineCounters {
  frames: number;
  /** Octets on the wire, link layer included. */
  bytes: number;
  /** Cut by the snap length, or shorter than a header says. */
  truncated: number;
  /** A header that contradicts itself. */
  malformed: number;
  /** No IP packet inside (ARP, LLDP, ...). */
  notIp: number;
  /** Link type that is not known here. */
  unknownLinkType: number;
  /** Fragments other than the first: counted in a session without ports. */
  fragments: number;
  /** Reported as final. */
  sessions: number;
  /** Of those, the ones with a randomness below 1. */
  sessionsFlat: number;
  sessionsActive: number;
  /** Given up because the table was full. */
  sessionsEvicted: number;
  httpRequests: number;
  /** Octets of TCP payload that were never seen, or came too late to be sampled. */
  gapBytes: number;
}

/**
 * Frames in, records out; the one implementation for savefiles and live capture. Not for use from several threads.
 */
export class Engine {
  readonly counters: EngineCounters = {
    frames: 0,
    bytes: 0,
    truncated: 0,
    malformed: 0,
    notIp: 0,
    unknownLinkType: 0,
    fragments: 0,
    sessions: 0,
    sessionsFlat: 0,
    sessionsActive: 0,
    sessionsEvicted: 0,
    httpRequests: 0,
    gapBytes: 0,
  };
  readonly config: EngineConfig;
  readonly sink: EngineSink;

  constructor(config: EngineConfig, sink: EngineSink, _options: EngineOptions) {
    this.config = config;
    this.sink = sink;
  }

  /**
   * One frame, at `offsetBytes` of `block`, which is read only during the call. `linkType` is a LINKTYPE_ value of
   * tcpdump.org (1 Ethernet); `vlan` the 802.1Q tag that the card took off, -1 when there was none.
   */
  frame(
    _block: Uint8Array,
    _offsetBytes: number,
    _capturedBytes: number,
    originalBytes: number,
    _timeSeconds: number,
    _timeNanoseconds: number,
    _linkType: number,
    _vlan = -1,
  ): void {
    this.counters.frames++;
    this.counters.bytes += originalBytes;
  }

  /** Reports and forgets what is over by `nowMs` (Unix); call it about once a second when no frames come. */
  advance(_nowMs: number): void {}

  /** Reports all sessions as final. */
  finish(): void {}
}

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
  /** IP fragments, and what became of their datagrams. */
  fragments: number;
  datagramsReassembled: number;
  datagramsTimedOut: number;
  /** Given up because fragments had no more room. */
  datagramsEvicted: number;
  fragmentOverlaps: number;
  /** Reported as final. */
  sessions: number;
  /** Of those, the ones with a randomness below 1. */
  sessionsFlat: number;
  sessionsActive: number;
  /** Given up because the table was full. */
  sessionsEvicted: number;
  /** Directions without a sample, because there was no memory for it. */
  samplesSkipped: number;
  httpRequests: number;
  handshakes: number;
  alarms: number;
  /** TCP segments that came before the ones in front of them. */
  segmentsHeld: number;
  /** Holes that were given up because what waits behind them had no more room. */
  segmentsNoRoom: number;
  /** Octets of TCP payload that came again. */
  repeatedBytes: number;
  /** Octets of TCP payload that were never seen. */
  gapBytes: number;
}

/** Those that are the same for everyone who sees all frames, whatever share of the sessions is theirs. */
export const SHARED_COUNTERS = [
  "frames",
  "bytes",
  "truncated",
  "malformed",
  "notIp",
  "unknownLinkType",
  "fragments",
  "datagramsReassembled",
  "datagramsTimedOut",
  "datagramsEvicted",
  "fragmentOverlaps",
] as const satisfies readonly (keyof EngineCounters)[];

export function zeroCounters(): EngineCounters {
  return {
    frames: 0,
    bytes: 0,
    truncated: 0,
    malformed: 0,
    notIp: 0,
    unknownLinkType: 0,
    fragments: 0,
    datagramsReassembled: 0,
    datagramsTimedOut: 0,
    datagramsEvicted: 0,
    fragmentOverlaps: 0,
    sessions: 0,
    sessionsFlat: 0,
    sessionsActive: 0,
    sessionsEvicted: 0,
    samplesSkipped: 0,
    httpRequests: 0,
    handshakes: 0,
    alarms: 0,
    segmentsHeld: 0,
    segmentsNoRoom: 0,
    repeatedBytes: 0,
    gapBytes: 0,
  };
}

import type { DefragmenterCounters } from "../decode/defragmenter.ts";
import type { BudgetCounters } from "../decode/reader-budget.ts";
import type { DtlsCounters } from "../handshake/dtls-counters.ts";
import type { OpenVpnCounters } from "../handshake/openvpn-counters.ts";
import type { QuicCounters } from "../handshake/quic-counters.ts";
import type { SshCounters } from "../handshake/ssh-counters.ts";
import type { TlsCounters } from "../handshake/tls-counters.ts";
import type { HttpCounters } from "../http/http-transaction.ts";

/** Counted from the start; every limit has its counter. Those who count are given this one object. */
export interface EngineCounters
  extends BudgetCounters,
    DefragmenterCounters,
    DtlsCounters,
    HttpCounters,
    OpenVpnCounters,
    QuicCounters,
    SshCounters,
    TlsCounters {
  frames: number;
  /** Octets on the wire, link layer included. */
  bytes: number;
  /** Cut by the snap length, or shorter than a header says. */
  truncated: number;
  /** A header that contradicts itself. */
  malformed: number;
  /** Of those, the ones with more headers than are walked. */
  layersTooDeep: number;
  /** No IP packet inside (ARP, LLDP, ...). */
  notIp: number;
  /** Link type that is not known here. */
  unknownLinkType: number;
  /** Reported as final. */
  sessions: number;
  /** Of those, the ones with a randomness below 1. */
  sessionsFlat: number;
  sessionsActive: number;
  /** Given up because the table was full. */
  sessionsEvicted: number;
  /** Directions without a sample, because there was no memory for it. */
  samplesSkipped: number;
  /** Directions that were flat and unexplained, and could not be kept as they are to be judged: no room was left. */
  rawWindowsSkipped: number;
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

/**
 * Where several engines share the sessions of the same frames: `alike` is counted by all of them, whatever their share is;
 * `own` adds up.
 */
export const COUNTED: Readonly<Record<keyof EngineCounters, "alike" | "own">> = {
  frames: "alike",
  bytes: "alike",
  truncated: "alike",
  malformed: "alike",
  layersTooDeep: "alike",
  notIp: "alike",
  unknownLinkType: "alike",
  fragments: "alike",
  datagramsReassembled: "alike",
  datagramsTimedOut: "alike",
  datagramsEvicted: "alike",
  fragmentOverlaps: "alike",
  fragmentDuplicates: "alike",
  fragmentsInconsistent: "alike",
  fragmentsNotLookedAt: "alike",
  sessions: "own",
  sessionsFlat: "own",
  sessionsActive: "own",
  sessionsEvicted: "own",
  samplesSkipped: "own",
  rawWindowsSkipped: "own",
  readerBytes: "own",
  readersNoRoom: "own",
  httpRequests: "own",
  httpPendingDropped: "own",
  httpHeadsCut: "own",
  hpackTablesCut: "own",
  handshakes: "own",
  tlsMessagesCut: "own",
  tlsRecordsLost: "own",
  tlsHandshakesGivenUp: "own",
  quicCryptoBytesDropped: "own",
  quicPacketsWithoutKeys: "own",
  quicHandshakesGivenUp: "own",
  sshSidesGivenUp: "own",
  dtlsBytesDropped: "own",
  dtlsHandshakesGivenUp: "own",
  openVpnMessagesDropped: "own",
  openVpnHandshakesGivenUp: "own",
  alarms: "own",
  segmentsHeld: "own",
  segmentsNoRoom: "own",
  repeatedBytes: "own",
  gapBytes: "own",
};

export const COUNTER_NAMES = Object.keys(COUNTED) as readonly (keyof EngineCounters)[];

export function zeroCounters(): EngineCounters {
  return Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as Record<keyof EngineCounters, number>;
}

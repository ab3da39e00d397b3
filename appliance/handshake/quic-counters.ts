/** What limits have cost. */
export interface QuicCounters {
  /** Octets of CRYPTO frames that there was no room for. */
  quicCryptoBytesDropped: number;
  /** Connections whose hellos were not found in the datagrams that were looked at. */
  quicHandshakesGivenUp: number;
}

export function zeroQuicCounters(): QuicCounters {
  return { quicCryptoBytesDropped: 0, quicHandshakesGivenUp: 0 };
}

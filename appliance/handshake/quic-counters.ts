/** What limits have cost. */
export interface QuicCounters {
  /** Octets of CRYPTO frames that there was no room for. */
  quicCryptoBytesDropped: number;
  /** Initial packets that no key at hand opens, of a connection that had as many keys made as are made for one. */
  quicPacketsWithoutKeys: number;
  /** Connections whose hellos were not found in the datagrams that were looked at. */
  quicHandshakesGivenUp: number;
}

export function zeroQuicCounters(): QuicCounters {
  return { quicCryptoBytesDropped: 0, quicPacketsWithoutKeys: 0, quicHandshakesGivenUp: 0 };
}

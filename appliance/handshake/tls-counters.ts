/** What limits and losses have cost. */
export interface TlsCounters {
  /** Messages that are longer than what is kept of them. */
  tlsMessagesCut: number;
  /** Places where octets were no record, or where it was lost where one starts. */
  tlsRecordsLost: number;
  /** Handshakes that were given up before they were over. */
  tlsHandshakesGivenUp: number;
}

export function zeroTlsCounters(): TlsCounters {
  return { tlsMessagesCut: 0, tlsRecordsLost: 0, tlsHandshakesGivenUp: 0 };
}

/** What limits and losses have cost. */
export interface TlsCounters {
  /** Messages that are longer than what is kept of them. */
  messagesCut: number;
  /** Places where octets were no record, or where it was lost where one starts. */
  recordsLost: number;
  /** Handshakes that were given up before they were over. */
  handshakesGivenUp: number;
}

export function zeroTlsCounters(): TlsCounters {
  return { messagesCut: 0, recordsLost: 0, handshakesGivenUp: 0 };
}

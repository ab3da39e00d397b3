/** What limits have cost. */
export interface DtlsCounters {
  /** Octets of handshake messages for which there was no room. */
  dtlsBytesDropped: number;
  /** Handshakes that were given up before they were over. */
  dtlsHandshakesGivenUp: number;
}

export function zeroDtlsCounters(): DtlsCounters {
  return { dtlsBytesDropped: 0, dtlsHandshakesGivenUp: 0 };
}

/** What limits have cost. */
export interface OpenVpnCounters {
  /** Messages of the control channel that were too far ahead of one that is missing, or too long, to be kept until it comes. */
  openVpnMessagesDropped: number;
  /** Handshakes that were given up before they were over. */
  openVpnHandshakesGivenUp: number;
}

export function zeroOpenVpnCounters(): OpenVpnCounters {
  return { openVpnMessagesDropped: 0, openVpnHandshakesGivenUp: 0 };
}

/** What limits have cost. */
export interface OpenVpnCounters {
  /** Messages of the control channel for which there was no room, too far ahead of what was missing before them. */
  openVpnMessagesDropped: number;
  /** Handshakes that were given up before they were over. */
  openVpnHandshakesGivenUp: number;
}

export function zeroOpenVpnCounters(): OpenVpnCounters {
  return { openVpnMessagesDropped: 0, openVpnHandshakesGivenUp: 0 };
}

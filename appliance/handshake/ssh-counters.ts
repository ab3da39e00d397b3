/** What limits have cost. */
export interface SshCounters {
  /** Sides whose banner or first packet was longer than what is kept of one. */
  sshSidesGivenUp: number;
}

export function zeroSshCounters(): SshCounters {
  return { sshSidesGivenUp: 0 };
}

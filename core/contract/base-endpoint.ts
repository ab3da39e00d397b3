/** Where base is for a sensor, and by what each knows the other. */
export interface BaseEndpoint {
  readonly host: string;
  readonly port: number;
  /** Own address in the tunnel: what leaves from another is not for base. */
  readonly localAddress: string;
  /** PEM. `authority` is the only one that is believed. */
  readonly privateKey: string;
  readonly certificate: string;
  readonly authority: string;
}

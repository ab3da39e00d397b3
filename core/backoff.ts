export interface Backoff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/**
 * How long to wait after `failures` failures in a row (1: the first): doubled each time up to `mostMs`, then between half
 * and the whole of that, so that a fleet that lost its base does not come back in step. `random` is in [0, 1).
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const wholeMs = Math.min(backoff.mostMs, backoff.firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 30));
  return Math.round(wholeMs * (0.5 + random / 2));
}

/** A day's sessions in the store. */
export interface StoredDay {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly sizeBytes: number;
}

const DAY_SECONDS = 86_400;

/** What the sessions may take of a store of `storeSizeBytes` beside the pcap files, with some room left free. */
export function planSessionsBudgetBytes(storeSizeBytes: number, pcapBudgetBytes: number): number {
  return Math.floor(Math.max(storeSizeBytes / 20, 0.9 * (storeSizeBytes - pcapBudgetBytes)));
}

/**
 * Unix seconds before which days are to be deleted, so that none is older than `ageMs` and all fit into `budgetBytes`; the
 * newest day stays, whatever its size. `days` are ordered, oldest first.
 */
export function planSessionsUntil(
  days: readonly StoredDay[],
  budgetBytes: number,
  ageMs: number,
  nowMs: number,
): number {
  let untilSeconds = Math.floor((nowMs - ageMs) / 1000);
  let totalBytes = days.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const { day, sizeBytes } of days.slice(0, -1)) {
    const endSeconds = Date.parse(`${day}T00:00:00Z`) / 1000 + DAY_SECONDS;
    if (totalBytes <= budgetBytes && endSeconds > untilSeconds) break;
    untilSeconds = Math.max(untilSeconds, endSeconds);
    totalBytes -= sizeBytes;
  }
  return untilSeconds;
}

/**
 * Whether a day has half of the budget: then no more rows are kept on it. A flood of packets shall neither fill the disk nor take
 * the place of all the days before it.
 */
export function isDayFull(days: readonly StoredDay[], day: string, budgetBytes: number): boolean {
  return days.some((one) => one.day === day && one.sizeBytes >= budgetBytes / 2);
}

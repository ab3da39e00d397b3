/** One pcap file of the store. */
export interface StoredFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Time of the first frame, Unix milliseconds; it is the file's name. */
  readonly startMs: number;
  /** Not before the last frame's time. */
  readonly endMs: number;
}

export interface Retention {
  readonly budgetBytes: number;
  readonly ageMs: number;
}

const GIB = 1024 ** 3;

/**
 * The budget of pcap files in a store of `storeSizeBytes`: nine tenths less 1 GiB, which are the sessions'; in a store so
 * small that this leaves little, half of it.
 */
export function defaultBudgetBytes(storeSizeBytes: number): number {
  return Math.floor(Math.max(0.9 * storeSizeBytes - GIB, storeSizeBytes / 2));
}

/** A file is closed at `fileSizeBytes`, and at a quarter of the budget where that is less. */
export function planFileSizeBytes(fileSizeBytes: number, budgetBytes: number): number {
  return Math.max(64 * 1024, Math.min(fileSizeBytes, Math.floor(budgetBytes / 4)));
}

/** Files to delete so that `incomingBytes` more fit and none is too old; `files` are ordered, oldest first. */
export function planRetention(
  files: readonly StoredFile[],
  retention: Retention,
  nowMs: number,
  incomingBytes: number,
): readonly StoredFile[] {
  let totalBytes = incomingBytes;
  for (const file of files) totalBytes += file.sizeBytes;
  const doomed: StoredFile[] = [];
  for (const file of files) {
    if (totalBytes <= retention.budgetBytes && nowMs - file.endMs <= retention.ageMs) break;
    totalBytes -= file.sizeBytes;
    doomed.push(file);
  }
  return doomed;
}

const FILE_NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{3})Z(?:-lt\d{1,5})?\.pcap$/;

/** `20261124T160201.123Z.pcap`, with `-lt` and the link type where that isn't Ethernet's 1. UTC; names sort by time. */
export function renderFileName(startMs: number, linkType: number): string {
  const time = new Date(startMs).toISOString().replaceAll(/[-:]/g, "");
  return `${time}${linkType === 1 ? "" : `-lt${linkType}`}.pcap`;
}

/** Unix milliseconds; undefined: not the name of a file of the store. */
export function parseFileName(name: string): number | undefined {
  const parts = FILE_NAME.exec(name);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second, millisecond] = parts.slice(1).map(Number);
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second, millisecond);
}

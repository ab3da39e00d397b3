export const BYTE_VALUES = 256;

/** Counts of byte values: `counts[base]` to `counts[base + 255]`. */
export type Counts = Uint16Array;

export function clearCounts(counts: Counts, base: number): void {
  counts.fill(0, base, base + BYTE_VALUES);
}

/** Adds the bytes from `from` to `to`. */
export function countBytes(counts: Counts, base: number, bytes: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const at = base + (bytes[i] as number);
    counts[at] = (counts[at] as number) + 1;
  }
}

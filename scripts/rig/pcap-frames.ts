/** One frame of a classic pcap file. */
export interface PcapFrame {
  readonly timeSeconds: number;
  /** Microseconds or nanoseconds, as the file's magic says. */
  readonly timeFraction: number;
  readonly originalBytes: number;
  readonly bytes: Uint8Array;
}

/**
 * Frames of a little-endian pcap file, for the far side of a comparison: written apart from the reader under test. Throws
 * when the file is damaged.
 */
export function framesOfPcap(file: Uint8Array): PcapFrame[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0, true);
  if (magic !== 0xa1b2c3d4 && magic !== 0xa1b23c4d) throw new Error(`magic ${magic.toString(16)}`);
  const frames: PcapFrame[] = [];
  for (let at = 24; at < file.length; ) {
    const lengthBytes = view.getUint32(at + 8, true);
    if (at + 16 + lengthBytes > file.length) throw new Error(`cut at ${at}`);
    frames.push({
      timeSeconds: view.getUint32(at, true),
      timeFraction: view.getUint32(at + 4, true),
      originalBytes: view.getUint32(at + 12, true),
      bytes: file.subarray(at + 16, at + 16 + lengthBytes),
    });
    at += 16 + lengthBytes;
  }
  return frames;
}

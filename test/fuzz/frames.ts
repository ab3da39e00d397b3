import { joined } from "./octets.ts";

/** Where each record of a little-endian pcap file begins; none for another file. */
export function frameStarts(file: Uint8Array): number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const starts: number[] = [];
  if (file.length < 24 || view.getUint32(0, true) !== 0xa1b2c3d4) return starts;
  for (let at = 24; at + 16 <= file.length; ) {
    const end = at + 16 + view.getUint32(at + 8, true);
    if (end > file.length) break;
    starts.push(at);
    at = end;
  }
  return starts;
}

/** The file with the frame at `at` replaced, or taken out. */
export function setFrame(file: Uint8Array, at: number, frame: Uint8Array | undefined): Uint8Array {
  const end = at + 16 + lengthAt(file, at);
  if (frame === undefined) return joined([file.subarray(0, at), file.subarray(end)]);
  const header = file.slice(at, at + 16);
  const view = new DataView(header.buffer);
  view.setUint32(8, frame.length, true);
  view.setUint32(12, Math.max(frame.length, view.getUint32(12, true)), true);
  return joined([file.subarray(0, at), header, frame, file.subarray(end)]);
}

/** The file with the frame of `from` once more, in front of that at `at`. */
export function insertFrame(file: Uint8Array, at: number, from: number): Uint8Array {
  return joined([file.subarray(0, at), file.subarray(from, from + 16 + lengthAt(file, from)), file.subarray(at)]);
}

/** What each frame's record is, and what stands before the first. */
export function recordsOf(file: Uint8Array): { readonly fixed: Uint8Array; readonly parts: readonly Uint8Array[] } {
  const starts = frameStarts(file);
  const parts = starts.map((at, i) => file.subarray(at, starts[i + 1] ?? file.length));
  return { fixed: file.subarray(0, starts[0] ?? file.length), parts };
}

function lengthAt(file: Uint8Array, at: number): number {
  return new DataView(file.buffer, file.byteOffset).getUint32(at + 8, true);
}

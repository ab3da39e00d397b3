import { type Decoded, malformed, ok, truncated } from "../../core/decoded.ts";
import type { FrameCursor, FrameFields } from "./frame-cursor.ts";

/** pcap with nanosecond times, little-endian. Source: draft-ietf-opsawg-pcap, sections 4 and 5. */
export const PCAP_HEADER_BYTES = 24;
export const PCAP_RECORD_BYTES = 16;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
/** Of our own files; more than any frame that a ring or libpcap hands over. */
export const PCAP_FRAME_MAX_BYTES = 262_144 + 4;

export function encodePcapHeader(linkType: number): Uint8Array {
  const bytes = new Uint8Array(PCAP_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC_NANOSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, PCAP_FRAME_MAX_BYTES, true);
  view.setUint32(20, linkType, true);
  return bytes;
}

/** Link type of one of our own files; any other kind of file is malformed. */
export function decodePcapHeader(bytes: Uint8Array): Decoded<number> {
  if (bytes.length < PCAP_HEADER_BYTES) return truncated(bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(0, true) === MAGIC_NANOSECONDS ? ok(view.getUint32(20, true) & 0xffff) : malformed(0);
}

/** Appends pcap records to one reused buffer. */
export class PcapRecordBuffer {
  bytes: Uint8Array;
  lengthBytes = 0;
  #view: DataView;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  append(frame: FrameFields): void {
    const { capturedBytes } = frame;
    const at = this.lengthBytes;
    if (at + PCAP_RECORD_BYTES + capturedBytes > this.bytes.length) this.#grow(PCAP_RECORD_BYTES + capturedBytes);
    const view = this.#view;
    view.setUint32(at, frame.timeSeconds, true);
    view.setUint32(at + 4, frame.timeNanoseconds, true);
    view.setUint32(at + 8, capturedBytes, true);
    view.setUint32(at + 12, frame.originalBytes, true);
    const start = frame.offsetBytes;
    this.bytes.set(frame.bytes.subarray(start, start + capturedBytes), at + PCAP_RECORD_BYTES);
    this.lengthBytes = at + PCAP_RECORD_BYTES + capturedBytes;
  }

  clear(): void {
    this.lengthBytes = 0;
  }

  #grow(moreBytes: number): void {
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.lengthBytes + moreBytes));
    bytes.set(this.bytes.subarray(0, this.lengthBytes));
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/**
 * The records in a run of octets that starts at a record. `endBytes` is, once `next` returned false, where the first record
 * starts that is not whole: reading goes on from there with more octets. `damaged`: what stands there is no record.
 */
export class PcapRecordCursor implements FrameCursor {
  bytes: Uint8Array;
  readonly #view: DataView;
  endBytes = 0;
  damaged = false;
  offsetBytes = 0;
  capturedBytes = 0;
  originalBytes = 0;
  timeSeconds = 0;
  timeNanoseconds = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  next(): boolean {
    const at = this.endBytes;
    if (at + PCAP_RECORD_BYTES > this.bytes.length) return false;
    const view = this.#view;
    const capturedBytes = view.getUint32(at + 8, true);
    const originalBytes = view.getUint32(at + 12, true);
    const nanoseconds = view.getUint32(at + 4, true);
    // No octets on the wire: the zeros that a file system leaves after a power cut.
    if (capturedBytes > PCAP_FRAME_MAX_BYTES || nanoseconds > 999_999_999 || originalBytes === 0) {
      this.damaged = true;
      return false;
    }
    if (at + PCAP_RECORD_BYTES + capturedBytes > this.bytes.length) return false;
    this.timeSeconds = view.getUint32(at, true);
    this.timeNanoseconds = nanoseconds;
    this.capturedBytes = capturedBytes;
    this.originalBytes = originalBytes;
    this.offsetBytes = at + PCAP_RECORD_BYTES;
    this.endBytes = this.offsetBytes + capturedBytes;
    return true;
  }
}

import { crc32 } from "node:zlib";
import { type Decoded, malformed, ok, truncated } from "../../core/decoded.ts";

export const SECTOR_BYTES = 512;
/** Octets from the start of a disk that hold its protective MBR, GPT header and 128 entries. */
export const GPT_BYTES = 34 * SECTOR_BYTES;

const HEADER_BYTES = 92;
const ENTRY_BYTES = 128;
const ENTRIES_MAX = 128;
const SIGNATURE = "EFI PART";

export interface GptPartition {
  /** Lower case, as `c12a7328-f81f-11d2-ba4b-00a0c93ec93b`. */
  readonly type: string;
  readonly uuid: string;
  readonly label: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/**
 * Partitions of a disk with sectors of 512 octets, from its first GPT_BYTES octets; checksums are checked. Source: UEFI
 * specification 2.10, section 5.3.
 */
export function decodeGpt(bytes: Uint8Array): Decoded<readonly GptPartition[]> {
  if (bytes.length < GPT_BYTES) return truncated(bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = SECTOR_BYTES;
  if (new TextDecoder("latin1").decode(bytes.subarray(header, header + 8)) !== SIGNATURE) return malformed(header);
  if (view.getUint32(header + 12, true) !== HEADER_BYTES) return malformed(header + 12);
  const copy = Uint8Array.from(bytes.subarray(header, header + HEADER_BYTES));
  copy.fill(0, 16, 20); // the checksum is made with its own place zero
  if (crc32(copy) !== view.getUint32(header + 16, true)) return malformed(header + 16);
  const entriesAt = Number(view.getBigUint64(header + 72, true)) * SECTOR_BYTES;
  const count = view.getUint32(header + 80, true);
  if (view.getUint32(header + 84, true) !== ENTRY_BYTES || count > ENTRIES_MAX) return malformed(header + 80);
  if (entriesAt + count * ENTRY_BYTES > bytes.length) return malformed(header + 72);
  const entries = bytes.subarray(entriesAt, entriesAt + count * ENTRY_BYTES);
  if (crc32(entries) !== view.getUint32(header + 88, true)) return malformed(header + 88);
  const partitions: GptPartition[] = [];
  for (let at = entriesAt; at < entriesAt + count * ENTRY_BYTES; at += ENTRY_BYTES) {
    const type = guidAt(view, at);
    if (type === NO_PARTITION) continue;
    const first = Number(view.getBigUint64(at + 32, true));
    const last = Number(view.getBigUint64(at + 40, true));
    if (!Number.isSafeInteger(last * SECTOR_BYTES) || last < first) return malformed(at + 32);
    partitions.push({
      type,
      uuid: guidAt(view, at + 16),
      label: new TextDecoder("utf-16le").decode(bytes.subarray(at + 56, at + ENTRY_BYTES)).replace(/\0.*$/s, ""),
      offsetBytes: first * SECTOR_BYTES,
      sizeBytes: (last - first + 1) * SECTOR_BYTES,
    });
  }
  return ok(partitions);
}

const NO_PARTITION = "00000000-0000-0000-0000-000000000000";

/** The first three fields of a GUID are little-endian. UEFI specification 2.10, appendix A. */
function guidAt(view: DataView, at: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const rest = Array.from({ length: 8 }, (_, i) => hex(view.getUint8(at + 8 + i), 2)).join("");
  const parts = [
    hex(view.getUint32(at, true), 8),
    hex(view.getUint16(at + 4, true), 4),
    hex(view.getUint16(at + 6, true), 4),
  ];
  return `${parts.join("-")}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}

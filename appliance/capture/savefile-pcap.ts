import type { BlockReader } from "./block-reader.ts";
import { CLEAN, type FrameSink, MORE, type ReadState, type SavefileRecords } from "./savefile-records.ts";

/** draft-ietf-opsawg-pcap, section 4. */
const FILE_HEADER_BYTES = 24;
/** draft-ietf-opsawg-pcap, section 5: seconds, fraction, captured length, original length. */
const RECORD_HEADER_BYTES = 16;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
/** libpcap's MAXIMUM_SNAPLEN: a longer record is garbage. */
export const FRAME_MAX_BYTES = 262_144;
/** The upper six bits of the link type tell of an FCS. */
const LINK_TYPE_MASK = 0x03ff_ffff;

export interface PcapHeader {
  readonly littleEndian: boolean;
  readonly nanoseconds: boolean;
  readonly linkType: number;
}

/** The header at the reader's place, which it then leaves; undefined when it is none. */
export function readPcapHeader(reader: BlockReader): PcapHeader | undefined {
  if (!reader.has(FILE_HEADER_BYTES)) return undefined;
  const { view, start } = reader;
  const littleEndian = isMagic(view.getUint32(start, true));
  const magic = view.getUint32(start, littleEndian);
  if (!isMagic(magic)) return undefined;
  const linkType = view.getUint32(start + 20, littleEndian) & LINK_TYPE_MASK;
  reader.take(FILE_HEADER_BYTES);
  return { littleEndian, nanoseconds: magic === MAGIC_NANOSECONDS, linkType };
}

function isMagic(value: number): boolean {
  return value === MAGIC_MICROSECONDS || value === MAGIC_NANOSECONDS;
}

export class PcapRecords implements SavefileRecords {
  readonly #reader: BlockReader;
  readonly #header: PcapHeader;

  constructor(reader: BlockReader, header: PcapHeader) {
    this.#reader = reader;
    this.#header = header;
  }

  next(sink: FrameSink): ReadState {
    const reader = this.#reader;
    const { littleEndian, nanoseconds, linkType } = this.#header;
    while (reader.available() >= RECORD_HEADER_BYTES) {
      const { view, start } = reader;
      const capturedBytes = view.getUint32(start + 8, littleEndian);
      if (capturedBytes > FRAME_MAX_BYTES)
        return this.#damaged(`a frame of ${capturedBytes} octets, more than ${FRAME_MAX_BYTES}`);
      if (reader.available() < RECORD_HEADER_BYTES + capturedBytes) break;
      const fraction = view.getUint32(start + 4, littleEndian);
      sink.frame(
        reader.bytes,
        start + RECORD_HEADER_BYTES,
        capturedBytes,
        view.getUint32(start + 12, littleEndian),
        view.getUint32(start, littleEndian),
        Math.min(nanoseconds ? fraction : fraction * 1000, 999_999_999),
        linkType,
      );
      reader.take(RECORD_HEADER_BYTES + capturedBytes);
    }
    if (reader.fill()) return MORE;
    return reader.available() === 0 ? CLEAN : this.#damaged("the file ends within a record");
  }

  #damaged(why: string): ReadState {
    return { name: "damaged", why: `octet ${this.#reader.offsetBytes}: ${why}` };
  }
}

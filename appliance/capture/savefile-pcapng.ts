import { type BlockReader, RECORD_MAX_BYTES } from "./block-reader.ts";
import { decodeResolution, type Resolution, splitTicks, type Ticks } from "./pcapng-time.ts";
import { CLEAN, type FrameSink, MORE, type ReadState, type SavefileRecords } from "./savefile-records.ts";

/** draft-ietf-opsawg-pcapng, sections 3.1 and 4: block types. */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Type, length, and the length again at the end. */
const BLOCK_FRAME_BYTES = 12;
const BLOCK_HEAD_BYTES = 8;
const SECTION_HEADER_LEAST_BYTES = 28;
const INTERFACES_MAX = 65_536;

const OPTION_END = 0;
const OPTION_TSRESOL = 9;
const OPTION_TSOFFSET = 14;

interface Interface {
  readonly linkType: number;
  /** 0: no limit. */
  readonly snaplenBytes: number;
  readonly resolution: Resolution;
  readonly offsetSeconds: number;
}

export function isPcapng(view: DataView, at: number): boolean {
  return view.getUint32(at) === SECTION_HEADER;
}

/** Blocks of a pcapng file, of any number of sections, each in its own byte order, and interfaces. */
export class PcapngBlocks implements SavefileRecords {
  readonly #reader: BlockReader;
  #littleEndian = true;
  #interfaces: Interface[] = [];
  readonly #ticks: Ticks = { seconds: 0, nanoseconds: 0 };

  constructor(reader: BlockReader) {
    this.#reader = reader;
  }

  next(sink: FrameSink): ReadState {
    const reader = this.#reader;
    let wanted = 0;
    while (reader.available() >= BLOCK_FRAME_BYTES) {
      const at = reader.start;
      if (isPcapng(reader.view, at) && !this.#readByteOrder(at)) return this.#damaged("a section without byte order");
      const type = reader.view.getUint32(at, this.#littleEndian);
      const length = reader.view.getUint32(at + 4, this.#littleEndian);
      if (length < BLOCK_FRAME_BYTES || length % 4 !== 0 || length > RECORD_MAX_BYTES)
        return this.#damaged(`a block of ${length} octets`);
      if (reader.available() < length) {
        wanted = length;
        break;
      }
      if (reader.view.getUint32(at + length - 4, this.#littleEndian) !== length)
        return this.#damaged("a block whose two lengths differ");
      const wrong = this.#readBlock(type, at + BLOCK_HEAD_BYTES, at + length - 4, sink);
      if (wrong !== undefined) return this.#damaged(wrong);
      reader.take(length);
    }
    if (reader.fill(wanted)) return MORE;
    return reader.available() === 0 ? CLEAN : this.#damaged("the file ends within a block");
  }

  /** A section header starts anew: its byte order holds for its own length already. */
  #readByteOrder(at: number): boolean {
    const { view } = this.#reader;
    this.#littleEndian = view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC;
    return this.#littleEndian || view.getUint32(at + 8) === BYTE_ORDER_MAGIC;
  }

  /** Body of a block from `at` to `end`; what is wrong with it, if anything. */
  #readBlock(type: number, at: number, end: number, sink: FrameSink): string | undefined {
    switch (type) {
      case SECTION_HEADER:
        if (end - at + BLOCK_FRAME_BYTES < SECTION_HEADER_LEAST_BYTES) return "a section header that is too short";
        this.#interfaces = [];
        return undefined;
      case INTERFACE_DESCRIPTION:
        return this.#readInterface(at, end);
      case ENHANCED_PACKET:
        return this.#readPacket(at, end, this.#uint32(at), sink);
      case OBSOLETE_PACKET:
        return this.#readPacket(at, end, this.#reader.view.getUint16(at, this.#littleEndian), sink);
      case SIMPLE_PACKET:
        return this.#readSimplePacket(at, end, sink);
      default:
        return undefined; // names, statistics, secrets, and what is not known yet
    }
  }

  /** Section 4.2: link type, reserved, snap length, options. */
  #readInterface(at: number, end: number): string | undefined {
    if (end - at < 8) return "an interface description that is too short";
    if (this.#interfaces.length >= INTERFACES_MAX) return `more than ${INTERFACES_MAX} interfaces`;
    const { view } = this.#reader;
    let resolution: Resolution = { ticksPerSecond: 1_000_000 };
    let offsetSeconds = 0;
    for (let option = at + 8; option + 4 <= end; ) {
      const code = view.getUint16(option, this.#littleEndian);
      const length = view.getUint16(option + 2, this.#littleEndian);
      const value = option + 4;
      if (code === OPTION_END || value + length > end) break;
      if (code === OPTION_TSRESOL && length === 1) resolution = decodeResolution(view.getUint8(value));
      if (code === OPTION_TSOFFSET && length === 8) offsetSeconds = Number(view.getBigInt64(value, this.#littleEndian));
      option = value + ((length + 3) & ~3);
    }
    const linkType = view.getUint16(at, this.#littleEndian);
    this.#interfaces.push({ linkType, snaplenBytes: this.#uint32(at + 4), resolution, offsetSeconds });
    return undefined;
  }

  /** Section 4.3, and the obsolete block of appendix A, which has the same fields behind the interface's number. */
  #readPacket(at: number, end: number, interfaceNumber: number, sink: FrameSink): string | undefined {
    if (end - at < 20) return "a packet block that is too short";
    const source = this.#interfaces[interfaceNumber];
    if (source === undefined) return `a packet of interface ${interfaceNumber}, which is not described`;
    const capturedBytes = this.#uint32(at + 12);
    if (capturedBytes > end - at - 20) return "a packet that is longer than its block";
    splitTicks(this.#uint32(at + 4), this.#uint32(at + 8), source.resolution, this.#ticks);
    this.#ticks.seconds += source.offsetSeconds;
    this.#give(at + 20, capturedBytes, this.#uint32(at + 16), source.linkType, sink);
    return undefined;
  }

  /** Section 4.4: the original length only; the frame has the time of the one before. */
  #readSimplePacket(at: number, end: number, sink: FrameSink): string | undefined {
    const source = this.#interfaces[0];
    if (source === undefined) return "a packet before any interface";
    if (end - at < 4) return "a packet block that is too short";
    const originalBytes = this.#uint32(at);
    const limit = source.snaplenBytes === 0 ? originalBytes : Math.min(originalBytes, source.snaplenBytes);
    this.#give(at + 4, Math.min(limit, end - at - 4), originalBytes, source.linkType, sink);
    return undefined;
  }

  #give(at: number, capturedBytes: number, originalBytes: number, linkType: number, sink: FrameSink): void {
    const { seconds, nanoseconds } = this.#ticks;
    sink.frame(this.#reader.bytes, at, capturedBytes, originalBytes, Math.max(0, seconds), nanoseconds, linkType);
  }

  #uint32(at: number): number {
    return this.#reader.view.getUint32(at, this.#littleEndian);
  }

  #damaged(why: string): ReadState {
    return { name: "damaged", why: `octet ${this.#reader.offsetBytes}: ${why}` };
  }
}

import { BlockReader } from "./block-reader.ts";
import { PcapRecords, readPcapHeader } from "./savefile-pcap.ts";
import { isPcapng, PcapngBlocks } from "./savefile-pcapng.ts";

/**
 * Takes frames out of a block that is reused after the call. `linkType` is a LINKTYPE_ value of tcpdump.org; times are
 * since 1970.
 */
export interface FrameSink {
  frame(
    block: Uint8Array,
    offsetBytes: number,
    capturedBytes: number,
    originalBytes: number,
    timeSeconds: number,
    timeNanoseconds: number,
    linkType: number,
  ): void;
}

/** `damaged`: what came before was whole; `why` says where and what. */
export type ReadState =
  | { readonly name: "more" }
  | { readonly name: "clean" }
  | { readonly name: "damaged"; readonly why: string };

export const MORE: ReadState = { name: "more" };
export const CLEAN: ReadState = { name: "clean" };

/** Records of one format, over a block reader. */
export interface SavefileRecords {
  /** Gives the frames that are in memory to the sink, then reads one block more. */
  next(sink: FrameSink): ReadState;
}

/** `other`: no pcap or pcapng that is read here; libpcap may know it. */
export type OpenedSavefile =
  | { readonly name: "open"; readonly records: SavefileRecords; readonly close: () => void }
  | { readonly name: "other"; readonly why: string };

/** Opens a savefile by its first octets. Throws what node:fs throws when the file can't be opened or read. */
export function openSavefile(path: string): OpenedSavefile {
  const reader = new BlockReader(path);
  try {
    const records = recognise(reader);
    if (typeof records !== "string") return { name: "open", records, close: () => reader.close() };
    reader.close();
    return { name: "other", why: records };
  } catch (error) {
    reader.close();
    throw error;
  }
}

function recognise(reader: BlockReader): SavefileRecords | string {
  if (!reader.has(4)) return reader.available() === 0 ? "the file is empty" : "shorter than any header";
  if (isPcapng(reader.view, reader.start)) return new PcapngBlocks(reader);
  if (reader.view.getUint16(0) === 0x1f8b) return "compressed with gzip: decompress it first";
  const header = readPcapHeader(reader);
  return header === undefined ? "neither pcap nor pcapng" : new PcapRecords(reader, header);
}

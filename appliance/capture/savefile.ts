import { BlockReader } from "./block-reader.ts";
import { PcapRecords, readPcapHeader } from "./savefile-pcap.ts";
import { isPcapng, PcapngBlocks } from "./savefile-pcapng.ts";
import type { SavefileRecords } from "./savefile-records.ts";

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

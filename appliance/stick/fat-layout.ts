/**
 * What FAT32 writes on a device. Source: Microsoft, "FAT: General Overview of On-Disk Format", version 1.03 (the same structures are in
 * ECMA-107 for the older kinds of FAT). All numbers are little-endian.
 */
export class FatError extends Error {
  override readonly name = "FatError";
}

export const BOOT_SECTOR_BYTES = 512;
const ENTRY_BYTES = 32;
/** A cluster number has 28 bits; from here on it ends a chain. */
const CLUSTER_MASK = 0x0fffffff;
const CHAIN_END = 0x0ffffff8;
export const FIRST_CLUSTER = 2;

export interface FatLayout {
  readonly clusterBytes: number;
  /** Of the first table, on the device. */
  readonly tableOffsetBytes: number;
  /** Of the first cluster, which has number 2. */
  readonly dataOffsetBytes: number;
  /** Clusters have the numbers 2 to clusters + 1. */
  readonly clusters: number;
  readonly rootCluster: number;
}

export interface FatEntry {
  readonly name: string;
  readonly isFolder: boolean;
  /** 0 for a folder. */
  readonly sizeBytes: number;
  /** 0: the file is empty. */
  readonly firstCluster: number;
}

/** Of the first sector of a partition. Throws a FatError that says what is there instead. */
export function decodeBootSector(sector: Uint8Array): FatLayout {
  if (sector.length < BOOT_SECTOR_BYTES || sector[510] !== 0x55 || sector[511] !== 0xaa)
    throw new FatError("it has no file system, or is cut off");
  const view = new DataView(sector.buffer, sector.byteOffset, sector.byteLength);
  const sectorBytes = view.getUint16(11, true);
  const clusterSectors = view.getUint8(13);
  const reservedSectors = view.getUint16(14, true);
  const tables = view.getUint8(16);
  const tableSectors = view.getUint32(36, true);
  const sectors = view.getUint32(32, true);
  const isFat32 = view.getUint16(17, true) === 0 && view.getUint16(22, true) === 0 && tableSectors > 0;
  if (!isFat32 || !isPowerOfTwo(sectorBytes) || !isPowerOfTwo(clusterSectors))
    throw new FatError("its file system is not FAT32");
  if (sectorBytes < 512 || sectorBytes > 4096 || tables < 1 || tables > 2 || reservedSectors === 0)
    throw new FatError("its FAT32 is damaged: impossible sizes in the boot sector");
  const dataSector = reservedSectors + tables * tableSectors;
  const clusters = Math.min(
    Math.floor((sectors - dataSector) / clusterSectors),
    (tableSectors * sectorBytes) / 4 - FIRST_CLUSTER,
    CHAIN_END - FIRST_CLUSTER - 16,
  );
  const rootCluster = view.getUint32(44, true) & CLUSTER_MASK;
  if (clusters < 1 || rootCluster < FIRST_CLUSTER || rootCluster >= clusters + FIRST_CLUSTER)
    throw new FatError("its FAT32 is damaged: the root folder lies outside");
  return {
    clusterBytes: sectorBytes * clusterSectors,
    tableOffsetBytes: reservedSectors * sectorBytes,
    dataOffsetBytes: dataSector * sectorBytes,
    clusters,
    rootCluster,
  };
}

/** What follows in a chain, of the four octets of its table; undefined at its end. Throws a FatError for a cluster that is none. */
export function decodeNextCluster(table: number, { clusters }: FatLayout): number | undefined {
  const next = table & CLUSTER_MASK;
  if (next >= CHAIN_END) return undefined;
  if (next < FIRST_CLUSTER || next >= clusters + FIRST_CLUSTER)
    throw new FatError("its FAT32 is damaged: a chain of clusters leads outside");
  return next;
}

const LONG_NAME = 0x0f;
const VOLUME_LABEL = 0x08;
const FOLDER = 0x10;
const DELETED = 0xe5;
const LAST_PART = 0x40;
const PART_UNITS = 13;
const PARTS_MAX = 20;
/** Where a part of a long name has its UTF-16 units. */
const UNIT_OFFSETS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

interface LongName {
  /** The part that must come next; 0: whole. */
  readonly left: number;
  readonly checksum: number;
  readonly text: string;
}

/** The entries of a folder, without `.`, `..` and labels. A long name that doesn't belong to what follows it is passed over. */
export function decodeFolder(octets: Uint8Array): readonly FatEntry[] {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const entries: FatEntry[] = [];
  let long: LongName | undefined;
  for (let at = 0; at + ENTRY_BYTES <= octets.length; at += ENTRY_BYTES) {
    const first = view.getUint8(at);
    if (first === 0) break;
    const attributes = view.getUint8(at + 11);
    if (first !== DELETED && (attributes & 0x3f) === LONG_NAME) {
      long = addPart(long, view, at);
      continue;
    }
    if (first !== DELETED && (attributes & VOLUME_LABEL) === 0) {
      const short = shortName(octets.subarray(at, at + 11));
      const isNamed = long?.left === 0 && long.checksum === checksumOf(octets.subarray(at, at + 11));
      const isFolder = (attributes & FOLDER) !== 0;
      if (short !== "." && short !== "..")
        entries.push({
          name: isNamed ? (long?.text ?? short) : short,
          isFolder,
          sizeBytes: isFolder ? 0 : view.getUint32(at + 28, true),
          firstCluster: ((view.getUint16(at + 20, true) << 16) | view.getUint16(at + 26, true)) & CLUSTER_MASK,
        });
    }
    long = undefined;
  }
  return entries;
}

/** Parts come last first, in front of their entry. */
function addPart(long: LongName | undefined, view: DataView, at: number): LongName | undefined {
  const order = view.getUint8(at);
  const number = order & 0x3f;
  const checksum = view.getUint8(at + 13);
  const isLast = (order & LAST_PART) !== 0;
  if (number < 1 || number > PARTS_MAX) return undefined;
  if (!isLast && (long?.left !== number || long.checksum !== checksum)) return undefined;
  let part = "";
  for (const offset of UNIT_OFFSETS) {
    const unit = view.getUint16(at + offset, true);
    if (unit === 0) break;
    part += String.fromCharCode(unit);
  }
  if (part.length < PART_UNITS && !isLast) return undefined;
  return { left: number - 1, checksum, text: part + (isLast ? "" : (long?.text ?? "")) };
}

function shortName(octets: Uint8Array): string {
  const text = Buffer.from(octets).toString("latin1");
  const [base, extension] = [text.slice(0, 8).trimEnd(), text.slice(8).trimEnd()];
  return extension === "" ? base : `${base}.${extension}`;
}

function checksumOf(short: Uint8Array): number {
  return short.reduce((sum, octet) => (((sum & 1) << 7) + (sum >> 1) + octet) & 0xff, 0);
}

function isPowerOfTwo(number: number): boolean {
  return number > 0 && (number & (number - 1)) === 0;
}

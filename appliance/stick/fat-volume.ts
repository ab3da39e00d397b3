import type { SourceFile } from "../../core/node/set-source.ts";
import {
  BOOT_SECTOR_BYTES,
  decodeBootSector,
  decodeFolder,
  decodeNextCluster,
  type FatEntry,
  FatError,
  type FatLayout,
  FIRST_CLUSTER,
} from "./fat-layout.ts";

/** Of the table, read at a time. */
const WINDOW_BYTES = 64 * 1024;
/** A folder may have so many octets (65,536 entries). */
const FOLDER_LIMIT_BYTES = 2 * 1024 * 1024;

/**
 * A FAT32 file system on a device in hostile hands, to be read only: in place of the kernel's driver, so that no octet of a stick reaches
 * more than this process. All methods throw a FatError for what is damaged, or what reading throws.
 */
export class FatVolume {
  readonly #device: SourceFile;
  readonly #layout: FatLayout;
  #window = new DataView(new ArrayBuffer(0));
  #windowAt = -1;

  private constructor(device: SourceFile, layout: FatLayout) {
    this.#device = device;
    this.#layout = layout;
  }

  static async open(device: SourceFile): Promise<FatVolume> {
    const sector = new Uint8Array(BOOT_SECTOR_BYTES);
    const bytesRead = await readWhole(device, sector, 0);
    return new FatVolume(device, decodeBootSector(sector.subarray(0, bytesRead)));
  }

  /** Of the root, or of a folder. */
  async list(folder?: FatEntry): Promise<readonly FatEntry[]> {
    const { clusterBytes, rootCluster } = this.#layout;
    const parts: Uint8Array[] = [];
    let cluster: number | undefined = this.#checked(folder?.firstCluster ?? rootCluster);
    while (cluster !== undefined) {
      if (parts.length * clusterBytes >= FOLDER_LIMIT_BYTES)
        throw new FatError("its FAT32 is damaged: a folder has no end");
      const part = new Uint8Array(clusterBytes);
      await this.#readData(part, cluster, 0);
      parts.push(part);
      cluster = await this.#next(cluster);
    }
    return decodeFolder(Buffer.concat(parts));
  }

  /** Reads a file; best in order, as a chain is followed from its start to go back. */
  openFile({ firstCluster, sizeBytes, name }: FatEntry): SourceFile {
    const { clusterBytes } = this.#layout;
    let [index, cluster] = [0, firstCluster];
    const advance = async () => {
      const next = await this.#next(cluster);
      if (next === undefined) throw new FatError(`its FAT32 is damaged: ${name} ends before its size`);
      [index, cluster] = [index + 1, next];
    };
    return {
      read: async (buffer, offset, length, position) => {
        const wanted = Math.min(length, sizeBytes - position);
        if (wanted <= 0) return { bytesRead: 0 };
        const target = Math.floor(position / clusterBytes);
        if (target < index) [index, cluster] = [0, firstCluster];
        this.#checked(cluster);
        while (index < target) await advance();
        // clusters that lie one behind the other are read at once
        const [from, inCluster] = [cluster, position - index * clusterBytes];
        let runBytes = clusterBytes - inCluster;
        while (runBytes < wanted) {
          const before = cluster;
          await advance();
          if (cluster !== before + 1) break;
          runBytes += clusterBytes;
        }
        const bytesRead = Math.min(wanted, runBytes);
        await this.#readData(buffer.subarray(offset, offset + bytesRead), from, inCluster);
        return { bytesRead };
      },
    };
  }

  #checked(cluster: number): number {
    if (cluster < FIRST_CLUSTER || cluster >= this.#layout.clusters + FIRST_CLUSTER)
      throw new FatError("its FAT32 is damaged: a file or folder begins outside");
    return cluster;
  }

  async #readData(octets: Uint8Array, cluster: number, inCluster: number): Promise<void> {
    const { dataOffsetBytes, clusterBytes } = this.#layout;
    const at = dataOffsetBytes + (cluster - FIRST_CLUSTER) * clusterBytes + inCluster;
    if ((await readWhole(this.#device, octets, at)) < octets.length)
      throw new FatError("it is smaller than its file system says");
  }

  async #next(cluster: number): Promise<number | undefined> {
    const at = cluster * 4;
    const windowAt = at - (at % WINDOW_BYTES);
    if (windowAt !== this.#windowAt) {
      const octets = new Uint8Array(WINDOW_BYTES);
      const bytesRead = await readWhole(this.#device, octets, this.#layout.tableOffsetBytes + windowAt);
      this.#window = new DataView(octets.buffer, 0, bytesRead);
      this.#windowAt = windowAt;
    }
    if (at - windowAt + 4 > this.#window.byteLength) throw new FatError("it is smaller than its file system says");
    return decodeNextCluster(this.#window.getUint32(at - windowAt, true), this.#layout);
  }
}

/** Octets that were read: fewer at the end of the device. */
async function readWhole(device: SourceFile, octets: Uint8Array, position: number): Promise<number> {
  let at = 0;
  while (at < octets.length) {
    const { bytesRead } = await device.read(octets, at, octets.length - at, position + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return at;
}

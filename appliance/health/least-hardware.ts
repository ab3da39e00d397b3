/** What a box needs at least; docs/guides/tech.md has the table. */
const MEMORY_GIB = 2;
const DISK_GB = 8;
/** Of a system whose store has a disk of its own; that one needs DISK_GB. */
const SYSTEM_DISK_GB = 4;
const SYSTEM_DISK_SHOWN_BYTES = 3e9;
const PORTS = 2;
/** Firmware, kernel and graphics keep some of the memory, so that 2 GiB show as less. */
const MEMORY_SHOWN_BYTES = 1.75 * 1024 ** 3;
/** What is sold as 8 GB, eMMC above all, has less. */
const DISK_SHOWN_BYTES = 7e9;

export interface Hardware {
  /** MemTotal of /proc/meminfo; 0 unknown. */
  readonly memoryTotalBytes: number;
  /** Of the disk that the state partition is on; 0 unknown. */
  readonly diskBytes: number;
  /** Of the disk that the store has of its own; 0 unknown, undefined: the store is on the same disk. */
  readonly storeDiskBytes?: number | undefined;
  /** Network ports of the box; undefined unknown. */
  readonly ports: number | undefined;
}

/** What the box has too little of, a few words each; nothing that is unknown. */
export function shortfallsOf({ memoryTotalBytes, diskBytes, storeDiskBytes, ports }: Hardware): readonly string[] {
  const found: string[] = [];
  if (memoryTotalBytes > 0 && memoryTotalBytes < MEMORY_SHOWN_BYTES)
    found.push(`memory ${(memoryTotalBytes / 1024 ** 3).toFixed(1)} GiB, ${MEMORY_GIB} GiB is least`);
  const [leastGb, shownBytes] =
    storeDiskBytes === undefined ? [DISK_GB, DISK_SHOWN_BYTES] : [SYSTEM_DISK_GB, SYSTEM_DISK_SHOWN_BYTES];
  if (diskBytes > 0 && diskBytes < shownBytes)
    found.push(`disk ${(diskBytes / 1e9).toFixed(1)} GB, ${leastGb} GB is least`);
  if (storeDiskBytes !== undefined && storeDiskBytes > 0 && storeDiskBytes < DISK_SHOWN_BYTES)
    found.push(`the store's disk ${(storeDiskBytes / 1e9).toFixed(1)} GB, ${DISK_GB} GB is least`);
  if (ports !== undefined && ports < PORTS)
    found.push(`${ports} network port${ports === 1 ? "" : "s"}, ${PORTS} are least: uplink and SPAN`);
  return found;
}

/** Device of what is mounted at `mount`, `vda6`, by /proc/mounts (proc(5)). */
export function parseMountDevice(mounts: string, mount: string): string | undefined {
  for (const line of mounts.split("\n")) {
    const [device = "", at] = line.split(" ");
    if (at === mount) return /^\/dev\/([\w!.-]+)$/.exec(device)?.[1];
  }
  return undefined;
}

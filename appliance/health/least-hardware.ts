/** What a box needs at least; docs/guides/tech.md has the table. */
const MEMORY_GIB = 2;
const DISK_GB = 8;
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
  /** Network ports of the box; undefined unknown. */
  readonly ports: number | undefined;
}

/** What the box has too little of, a few words each; nothing that is unknown. */
export function shortfallsOf({ memoryTotalBytes, diskBytes, ports }: Hardware): readonly string[] {
  const found: string[] = [];
  if (memoryTotalBytes > 0 && memoryTotalBytes < MEMORY_SHOWN_BYTES)
    found.push(`memory ${(memoryTotalBytes / 1024 ** 3).toFixed(1)} GiB, ${MEMORY_GIB} GiB is least`);
  if (diskBytes > 0 && diskBytes < DISK_SHOWN_BYTES)
    found.push(`disk ${(diskBytes / 1e9).toFixed(1)} GB, ${DISK_GB} GB is least`);
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

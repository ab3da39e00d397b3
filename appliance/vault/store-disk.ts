/** What is on the disk that shall hold the store. */
export interface StoreDisk {
  /** Names in its partition table, in order. */
  readonly partitions: readonly string[];
  /** Its first and its last MiB are zero. */
  readonly blank: boolean;
  /** The first MiB of its partition `nsm` is zero, or it has none: nothing was stored there. */
  readonly storeBlank: boolean;
}

export type StoreDiskPlan =
  | { readonly action: "use" }
  /** An empty disk gets a partition table with the store's partition alone. */
  | { readonly action: "partition" }
  /** As `partition`, once what is there has been overwritten. */
  | { readonly action: "take" }
  | { readonly action: "refuse"; readonly why: string };

/** `known`: this box, as it is flashed, had its store on a disk before; then nothing is overwritten any more, as that may be what is damaged. */
export function planStoreDisk(disk: StoreDisk, take: boolean, known: boolean): StoreDiskPlan {
  const { partitions, blank } = disk;
  const isStore = partitions.length === 1 && partitions[0] === STORE_LABEL;
  if (isStore && (known || disk.storeBlank)) return { action: "use" };
  if (partitions.length === 0 && blank) return { action: "partition" };
  const names = partitions.map((name) => name || "no name").join(", ");
  const found = isStore ? "a store of before this box was flashed" : names === "" ? "data" : `partitions (${names})`;
  if (known)
    return { action: "refuse", why: `it has ${found} and no store, which this box made before: flash the box anew` };
  if (take) return { action: "take" };
  return { action: "refuse", why: `it has ${found}: empty it, or flash the box with --take-store-disk` };
}

export const STORE_LABEL = "nsm";

/** A disk by /sys/block. */
export interface Disk {
  readonly name: string;
  readonly sizeBytes: number;
  /** The system is on it. */
  readonly system: boolean;
  /** By USB, or its medium can be taken out. */
  readonly removable: boolean;
}

/** The one disk beside the system's; text: why there is none. */
export function findSecondDisk(disks: readonly Disk[]): Disk | string {
  const found = disks.filter(({ system, removable, sizeBytes }) => !system && !removable && sizeBytes > 0);
  const [disk] = found;
  if (disk === undefined) return "there is no second disk";
  if (found.length > 1)
    return `there are ${found.length} disks beside the system's (${found.map(({ name }) => name).join(", ")}): name one by its path`;
  return disk;
}

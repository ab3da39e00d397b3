import { access, open, readdir, readFile, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Disk, STORE_LABEL, type StoreDisk } from "./store-disk.ts";

const SECTOR_BYTES = 512;
const MIB = 1024 * 1024;
/** Disks of the kernel's own making, and what has no fixed medium. */
const NO_DISK = /^(?:dm-|loop|ram|zram|sr|fd|md|nbd|mtd|mmcblk\d+(?:boot|rpmb))/;

/** The disk that a partition, or a disk, is or lies on, `sda`; undefined: no such device. `device` is a path below /dev. */
export async function diskOf(device: string): Promise<string | undefined> {
  const path = await realpath(device).catch(() => undefined);
  if (path === undefined) return undefined;
  const place = await realpath(`/sys/class/block/${basename(path)}`).catch(() => undefined);
  if (place === undefined) return undefined;
  return (await isThere(join(place, "partition"))) ? basename(dirname(place)) : basename(place);
}

/** Disks of the box. */
export async function readDisks(systemDisk: string | undefined): Promise<readonly Disk[]> {
  const names = (await readdir("/sys/block")).filter((name) => !NO_DISK.test(name));
  return Promise.all(
    names.map(async (name) => ({
      name,
      sizeBytes: Number(await textOf(`/sys/block/${name}/size`)) * SECTOR_BYTES,
      system: name === systemDisk,
      removable:
        (await textOf(`/sys/block/${name}/removable`)) === "1" ||
        (await realpath(`/sys/block/${name}`)).includes("/usb"),
    })),
  );
}

export async function readStoreDisk(name: string): Promise<StoreDisk> {
  const partitions = await readPartitions(name);
  const store = partitions.find(({ label }) => label === STORE_LABEL);
  return {
    partitions: partitions.map(({ label }) => label),
    blank: await isBlank(`/dev/${name}`),
    storeBlank: store === undefined || (await startsBlank(`/dev/${store.name}`)),
  };
}

/** The partition of that name, as a path below /dev. */
export async function findPartition(disk: string, label: string): Promise<string | undefined> {
  const found = (await readPartitions(disk)).find((partition) => partition.label === label);
  return found === undefined ? undefined : `/dev/${found.name}`;
}

async function readPartitions(disk: string): Promise<readonly { readonly name: string; readonly label: string }[]> {
  const place = `/sys/block/${disk}`;
  const names: string[] = [];
  for (const name of await readdir(place)) if (await isThere(join(place, name, "partition"))) names.push(name);
  return Promise.all(
    names.sort().map(async (name) => {
      const label = /^PARTNAME=(.*)$/m.exec(await textOf(join(place, name, "uevent")))?.[1] ?? "";
      return { name, label };
    }),
  );
}

/** Its first and its last MiB are zero. */
export async function isBlank(device: string): Promise<boolean> {
  if (!(await startsBlank(device))) return false;
  const file = await open(device, "r");
  try {
    const { size } = await file.stat(); // 0 of a block device
    const sizeBytes = size || Number(await textOf(`/sys/block/${basename(device)}/size`)) * SECTOR_BYTES;
    const end = Buffer.alloc(MIB);
    await file.read(end, 0, MIB, Math.max(0, sizeBytes - MIB));
    return end.every((octet) => octet === 0);
  } finally {
    await file.close();
  }
}

async function startsBlank(device: string): Promise<boolean> {
  const file = await open(device, "r");
  try {
    const start = Buffer.alloc(MIB);
    await file.read(start, 0, MIB, 0);
    return start.every((octet) => octet === 0);
  } finally {
    await file.close();
  }
}

async function textOf(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(() => "")).trim();
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

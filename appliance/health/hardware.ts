import { access, readdir, readFile, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Hardware, parseMountDevice } from "./least-hardware.ts";
import { parseMemoryInfo } from "./plain.ts";

/** Of `size` in /sys/class/block, whatever the disk's own are (Linux, Documentation/ABI/stable/sysfs-block). */
const SECTOR_BYTES = 512;

/**
 * What this box has, by /proc and /sys. `stateFolder` is where the state partition is mounted, `storeDevice` a link to the
 * partition of a store that has a disk of its own.
 */
export async function readHardware(stateFolder: string, storeDevice?: string): Promise<Hardware> {
  const device = parseMountDevice(await textOf("/proc/mounts"), stateFolder);
  // Where it leads need not be there for who asks: units have a /dev of their own.
  const store = storeDevice === undefined ? undefined : await readlink(storeDevice).catch(() => undefined);
  return {
    memoryTotalBytes: parseMemoryInfo(await textOf("/proc/meminfo")).totalBytes,
    diskBytes: await diskBytesOf(device),
    ...(storeDevice !== undefined && { storeDiskBytes: await diskBytesOf(store && basename(store)) }),
    ports: await countPorts(),
  };
}

/** Size of the disk that a partition is on; 0 unknown. */
async function diskBytesOf(partition: string | undefined): Promise<number> {
  const place = await realpath(`/sys/class/block/${partition}`).catch(() => undefined);
  const sectors = place === undefined ? 0 : Number((await textOf(join(dirname(place), "size"))).trim());
  return Number.isSafeInteger(sectors) ? sectors * SECTOR_BYTES : 0;
}

function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

/** Interfaces that are a device: not the loopback, the tunnel, or a VLAN. */
async function countPorts(): Promise<number | undefined> {
  const names = await readdir("/sys/class/net").catch(() => undefined);
  if (names === undefined) return undefined;
  const are = await Promise.all(
    names.map((name) =>
      access(`/sys/class/net/${name}/device`).then(
        () => true,
        () => false,
      ),
    ),
  );
  return are.filter((is) => is).length;
}

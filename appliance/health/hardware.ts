import { access, readdir, readFile, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Hardware, parseMountDevice } from "./least-hardware.ts";
import { parseMemoryInfo } from "./plain.ts";

/** Of `size` in /sys/class/block, whatever the disk's own are (Linux, Documentation/ABI/stable/sysfs-block). */
const SECTOR_BYTES = 512;

/** What this box has, by /proc and /sys. `stateFolder` is where the state partition is mounted. */
export async function readHardware(stateFolder: string): Promise<Hardware> {
  const textOf = (path: string) => readFile(path, "utf8").catch(() => "");
  const device = parseMountDevice(await textOf("/proc/mounts"), stateFolder);
  const disk = device === undefined ? undefined : await realpath(`/sys/class/block/${device}`).catch(() => undefined);
  const sectors = disk === undefined ? 0 : Number((await textOf(join(dirname(disk), "size"))).trim());
  return {
    memoryTotalBytes: parseMemoryInfo(await textOf("/proc/meminfo")).totalBytes,
    diskBytes: Number.isSafeInteger(sectors) ? sectors * SECTOR_BYTES : 0,
    ports: await countPorts(),
  };
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

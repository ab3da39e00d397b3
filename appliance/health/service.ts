import { readdir, readFile, statfs } from "node:fs/promises";
import type { DiskUse, HealthRecord, UnitMemory } from "../../core/contract/health.ts";
import type { Clock } from "../../core/ports.ts";
import {
  parseAnonymousBytes,
  parseImageVersion,
  parseInterfaces,
  parseLoadAverage1,
  parseMemoryInfo,
  parseRootHash,
  parseUptimeMs,
} from "./plain.ts";

const UNITS = "/sys/fs/cgroup/system.slice";

/** What others said; null where nobody did. */
export type ReportedHealth = Pick<
  HealthRecord,
  "capture" | "vault" | "phoneHome" | "update" | "rootCheck" | "keyAdmission" | "bootLoader"
>;

/** Measures the box by what /proc and /sys say. What can't be read is 0, "unknown" or null: health never fails. */
export async function measureHealth(
  clock: Clock,
  bootId: string,
  mounts: readonly string[],
  reported: ReportedHealth,
  temperatureC: number | null,
): Promise<HealthRecord> {
  const names = await readdir("/sys/class/net").catch(() => []);
  const carriers = new Set<string>();
  for (const name of names) if ((await textOf(`/sys/class/net/${name}/carrier`)).trim() === "1") carriers.add(name);
  const memory = parseMemoryInfo(await textOf("/proc/meminfo"));
  return {
    atMs: clock.nowMs(),
    bootId,
    uptimeMs: parseUptimeMs(await textOf("/proc/uptime")),
    imageVersion: parseImageVersion(await textOf("/etc/os-release")),
    rootHash: parseRootHash(await textOf("/proc/cmdline")),
    loadAverage1: parseLoadAverage1(await textOf("/proc/loadavg")),
    memoryTotalBytes: memory.totalBytes,
    memoryAvailableBytes: memory.availableBytes,
    disks: (await Promise.all(mounts.map(diskUse))).filter((disk) => disk !== undefined),
    temperatureC,
    interfaces: parseInterfaces(await textOf("/proc/net/dev"), carriers),
    units: await unitMemory(),
    ...reported,
  };
}

async function diskUse(mount: string): Promise<DiskUse | undefined> {
  const stat = await statfs(mount).catch(() => undefined);
  if (stat === undefined) return undefined;
  return { mount, sizeBytes: stat.blocks * stat.bsize, usedBytes: (stat.blocks - stat.bfree) * stat.bsize };
}

async function unitMemory(): Promise<UnitMemory[]> {
  const units: UnitMemory[] = [];
  for (const name of await readdir(UNITS).catch(() => [])) {
    if (!/^cepa-[a-z-]+\.service$/.test(name)) continue;
    const anonymousBytes = parseAnonymousBytes(await textOf(`${UNITS}/${name}/memory.stat`));
    if (anonymousBytes !== undefined) units.push({ name, anonymousBytes });
  }
  return units;
}

function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

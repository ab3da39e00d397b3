import type { InterfaceCounters } from "../../core/contract/health.ts";

/** Readers of what /proc and /sys say in plain text. A text that is not as expected gives undefined or nothing. */

/** /proc/meminfo, proc(5). */
export function parseMemoryInfo(text: string): { readonly totalBytes: number; readonly availableBytes: number } {
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d{1,15}) kB$`, "m").exec(text)?.[1] ?? 0) * 1024;
  return { totalBytes: read("MemTotal"), availableBytes: read("MemAvailable") };
}

/** /proc/loadavg, proc(5): load over one minute. */
export function parseLoadAverage1(text: string): number {
  const load = Number(/^(\d{1,6}\.\d{2}) /.exec(text)?.[1]);
  return Number.isFinite(load) ? load : 0;
}

/** /proc/uptime, proc(5). */
export function parseUptimeMs(text: string): number {
  return Math.round(Number(/^(\d{1,12}\.\d{2}) /.exec(text)?.[1] ?? 0) * 1000);
}

/** os-release(5): IMAGE_VERSION. */
export function parseImageVersion(osRelease: string): string {
  return /^IMAGE_VERSION="?([A-Za-z0-9._~^+-]{1,64})"?$/m.exec(osRelease)?.[1] ?? "unknown";
}

/** os-release(5): VARIANT_ID, which is the image's profile. */
export function parseImageProfile(osRelease: string): string {
  return /^VARIANT_ID="?([a-z0-9._-]{1,64})"?$/m.exec(osRelease)?.[1] ?? "unknown";
}

/** The kernel's command line: root hash of the booted slot, systemd-veritysetup-generator(8). */
export function parseRootHash(commandLine: string): string {
  return /(?:^|\s)roothash=([0-9a-f]{32,128})(?:\s|$)/.exec(commandLine)?.[1] ?? "unknown";
}

const INTERFACES_MAX = 32;

/** /proc/net/dev, proc(5), without the loopback; `carriers` says who has one. */
export function parseInterfaces(text: string, carriers: ReadonlySet<string>): InterfaceCounters[] {
  const counters: InterfaceCounters[] = [];
  for (const line of text.split("\n")) {
    const fields = /^\s*([^\s:]{1,15}):\s*(\d[\d\s]*)$/.exec(line);
    const [name, numbers] = [fields?.[1], fields?.[2]?.trim().split(/\s+/).map(Number)];
    if (name === undefined || numbers === undefined || name === "lo" || counters.length >= INTERFACES_MAX) continue;
    const [receivedBytes = 0, receivedFrames = 0, , receivedDropped = 0, , , , , sentBytes = 0, sentFrames = 0] =
      numbers;
    const carrier = carriers.has(name);
    counters.push({ name, carrier, receivedBytes, sentBytes, receivedFrames, sentFrames, receivedDropped });
  }
  return counters;
}

/** `anon` of a control group's memory.stat, octets; undefined: not there. Source: Linux, cgroup-v2.rst, memory.stat. */
export function parseAnonymousBytes(memoryStat: string): number | undefined {
  const octets = /^anon (\d+)$/m.exec(memoryStat)?.[1];
  return octets === undefined ? undefined : Number(octets);
}

import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NetworkPort } from "./plan.ts";

const ARPHRD_ETHER = "1";
const PCI_ADDRESS = /\b[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b/g;

/** The wired Ethernet ports of the box; what is made of software (bridges, tunnels, veth) or has an antenna is none. */
export async function readNetworkPorts(sysFolder = "/sys/class/net"): Promise<NetworkPort[]> {
  const ports: NetworkPort[] = [];
  for (const name of await readdir(sysFolder)) {
    const folder = join(sysFolder, name);
    const device = await realpath(join(folder, "device")).catch(() => undefined);
    if (device === undefined || existsSync(join(folder, "phy80211"))) continue;
    const read = async (file: string) => (await readFile(join(folder, file), "utf8").catch(() => "")).trim();
    if ((await read("type")) !== ARPHRD_ETHER) continue;
    const pciAddress = device.match(PCI_ADDRESS)?.at(-1);
    ports.push({ name, macAddress: (await read("address")).toLowerCase(), pciAddress });
  }
  return ports;
}

/** Names of all interfaces that a device of the box makes, wired or not. */
export async function listDeviceInterfaces(sysFolder = "/sys/class/net"): Promise<readonly string[]> {
  return (await readdir(sysFolder)).filter((name) => existsSync(join(sysFolder, name, "device"))).sort();
}

/** Replaces our files of systemd-networkd, which reads them when it starts. */
export async function writeNetworkdFiles(files: Readonly<Record<string, string>>, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  for (const name of await readdir(folder))
    if (/^\d\d-cepa-/.test(name) && !Object.hasOwn(files, name)) await rm(join(folder, name));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o644 });
}

/** No IPv6 on a SPAN port, from before it comes up: not even a neighbour solicitation leaves it. */
export async function disableIpv6(name: string, sysctlFolder = "/proc/sys/net/ipv6/conf"): Promise<void> {
  await writeFile(join(sysctlFolder, name, "disable_ipv6"), "1").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error; // a kernel without IPv6 is silent as well
  });
}

import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { Reach } from "./reach.ts";

/** Reads the state of the uplink port and the tunnel from /sys and the kernel's list of addresses. */
export async function readReach(uplink: string | undefined, vpnAddress: string): Promise<Reach> {
  const byName = networkInterfaces();
  const ipv4 = (name: string) => (byName[name] ?? []).filter((one) => one.family === "IPv4").map((one) => one.address);
  const tunnelUp = Object.keys(byName).some((name) => ipv4(name).includes(vpnAddress));
  if (uplink === undefined) return { uplink, carrier: false, addresses: [], tunnelUp };
  const carrier = await readFile(`/sys/class/net/${uplink}/carrier`, "utf8").catch(() => "");
  return { uplink, carrier: carrier.trim() === "1", addresses: ipv4(uplink), tunnelUp };
}

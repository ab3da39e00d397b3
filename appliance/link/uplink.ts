import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { Reach } from "./reach.ts";

const LOOKUP_TIMEOUT_MS = 5_000;
const LOOKUP_AGAIN_MS = 10_000;

/** Reads the state of the uplink port and the tunnel from /sys and the kernel's list of addresses. */
export function reachReader(vpnAddress: string, remoteNames: readonly string[]) {
  let unresolvedName: string | undefined;
  let lookedUpMs = Number.NEGATIVE_INFINITY;
  return async (uplink: string | undefined): Promise<Reach> => {
    const byName = networkInterfaces();
    const ipv4 = (name: string) =>
      (byName[name] ?? []).filter((one) => one.family === "IPv4").map((one) => one.address);
    const tunnelUp = Object.keys(byName).some((name) => ipv4(name).includes(vpnAddress));
    const addresses = uplink === undefined ? [] : ipv4(uplink);
    if (tunnelUp || addresses.length === 0) unresolvedName = undefined;
    else if (performance.now() - lookedUpMs > LOOKUP_AGAIN_MS) {
      lookedUpMs = performance.now();
      firstUnresolved(remoteNames).then((name) => {
        unresolvedName = name; // for the next reading: a look-up may take long, and carrier and tunnel don't wait for it
      });
    }
    const carrier =
      uplink !== undefined &&
      (await readFile(`/sys/class/net/${uplink}/carrier`, "utf8").catch(() => "")).trim() === "1";
    return { uplink, carrier, addresses, unresolvedName, tunnelUp };
  };
}

async function firstUnresolved(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const late = new Promise<false>((resolve) => setTimeout(resolve, LOOKUP_TIMEOUT_MS, false).unref());
    const found = lookup(name).then(
      () => true,
      () => false,
    );
    if (!(await Promise.race([found, late]))) return name;
  }
  return undefined;
}

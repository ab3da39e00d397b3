import { readFile } from "node:fs/promises";

/** ARPHRD_ values of Linux, include/uapi/linux/if_arp.h. */
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

async function readState(name: string, file: string): Promise<string | undefined> {
  return readFile(`/sys/class/net/${name}/${file}`, "utf8").then(
    (text) => text.trim(),
    () => undefined, // no such interface now; `carrier` can't be read while it is down
  );
}

export async function readCarrier(name: string): Promise<boolean> {
  return (await readState(name, "carrier")) === "1";
}

/** Whether the ring can take the interface's frames; one that is absent is thought to be Ethernet when it comes. */
export async function readLinkLayer(name: string): Promise<"ethernet" | "other"> {
  const type = await readState(name, "type");
  const isEthernet = type === undefined || Number(type) === ARPHRD_ETHER || Number(type) === ARPHRD_LOOPBACK;
  return isEthernet ? "ethernet" : "other";
}

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { disableIpv6, readNetworkPorts, writeNetworkdFiles } from "../../../../appliance/network/interfaces.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "cepa-network-"));
});
afterEach(() => rm(root, { recursive: true }));

/** An interface below a /sys made of files: `device` is where its device lies, undefined for one made of software. */
async function addInterface(name: string, device: string | undefined, type: string, address: string): Promise<void> {
  const folder = join(root, "class/net", name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "type"), `${type}\n`);
  await writeFile(join(folder, "address"), `${address}\n`);
  if (device === undefined) return;
  await mkdir(join(root, device), { recursive: true });
  await symlink(join(root, device), join(folder, "device"));
}

test("readNetworkPorts: wired Ethernet on PCI, virtio and USB; nothing else", async () => {
  const pci = "devices/pci0000:00";
  await addInterface("lo", undefined, "772", "00:00:00:00:00:00");
  await addInterface("enp1s0", `${pci}/0000:00:1c.0/0000:01:00.0`, "1", "02:00:00:00:00:0A");
  await addInterface("enp0s3", `${pci}/0000:00:03.0/virtio1`, "1", "02:00:00:00:00:0b");
  await addInterface("enx1", `${pci}/0000:00:14.0/usb1/1-2/1-2:1.0`, "1", "02:00:00:00:00:0c");
  await addInterface("end0", "devices/platform/ethernet", "1", "02:00:00:00:00:0d");
  await addInterface("wlp2s0", `${pci}/0000:02:00.0`, "1", "02:00:00:00:00:0e");
  await mkdir(join(root, "class/net/wlp2s0/phy80211"));
  await addInterface("wwan0", `${pci}/0000:00:14.0/usb1/1-3/1-3:1.4`, "65534", "");
  await addInterface("tun0", undefined, "65534", "");
  await addInterface("br0", undefined, "1", "02:00:00:00:00:0f");
  const ports = await readNetworkPorts(join(root, "class/net"));
  assert.deepEqual(
    ports.sort((a, b) => (a.name < b.name ? -1 : 1)),
    [
      { name: "end0", macAddress: "02:00:00:00:00:0d", pciAddress: undefined },
      { name: "enp0s3", macAddress: "02:00:00:00:00:0b", pciAddress: "0000:00:03.0" },
      { name: "enp1s0", macAddress: "02:00:00:00:00:0a", pciAddress: "0000:01:00.0" },
      { name: "enx1", macAddress: "02:00:00:00:00:0c", pciAddress: "0000:00:14.0" },
    ],
  );
});

test("writeNetworkdFiles: ours are replaced, those of others stay, all can read them", async () => {
  const folder = join(root, "run/systemd/network");
  await writeNetworkdFiles({ "10-cepa-uplink.network": "old", "20-cepa-span-0.network": "old" }, folder);
  await writeFile(join(folder, "70-other.network"), "other");
  await writeNetworkdFiles({ "10-cepa-uplink.network": "new" }, folder);
  assert.deepEqual((await readdir(folder)).sort(), ["10-cepa-uplink.network", "70-other.network"]);
  assert.equal(await readFile(join(folder, "10-cepa-uplink.network"), "utf8"), "new");
  assert.equal((await stat(join(folder, "10-cepa-uplink.network"))).mode & 0o777, 0o644);
});

test("disableIpv6: writes where the kernel has IPv6, and is content where it has none", async () => {
  await mkdir(join(root, "span0"));
  await writeFile(join(root, "span0/disable_ipv6"), "0");
  await disableIpv6("span0", root);
  assert.equal(await readFile(join(root, "span0/disable_ipv6"), "utf8"), "1");
  await disableIpv6("span1", root);
});

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeExec } from "../../core/node/exec.ts";

/** udev of the image's systemd, with the distribution's rules and ours, over a tree like /sys: nothing is started. */
const PROJECT = join(import.meta.dirname, "../..");
const TOOLS = join(PROJECT, ".cache/image/tools");
const OURS = "61-cepa-disk-names.rules";
const folder = mkdtempSync(join(tmpdir(), "cepa-names-"));
after(() => rmSync(folder, { recursive: true }));
const sys = join(folder, "sys");
const rules = join(folder, "rules");
for (const path of [rules, join(sys, "class/block"), join(sys, "dev/block")]) mkdirSync(path, { recursive: true });
copyFileSync(join(PROJECT, "overlay/usr/lib/udev/rules.d", OURS), join(rules, OURS));
/** Every partition here says that it is the ESP. */
const ESP = 'ENV{ID_PART_ENTRY_SCHEME}="gpt", ENV{ID_PART_ENTRY_NAME}="esp", ENV{ID_PART_ENTRY_UUID}="c0-ffee"\n';
writeFileSync(join(rules, "59-blkid.rules"), ESP);

/** Runs udevadm where $2 is /sys and $3 has further rules. */
const UDEVADM = `set -e
mount --make-rprivate / 2>/dev/null || true
box=$(mktemp -d)
trap 'umount -l "$box"; rmdir "$box"' EXIT
mount --bind "$1" "$box"
mount --make-private "$box"
mount --bind "$2" "$box/sys"
mount --bind "$3" "$box/etc/udev/rules.d"
mount -t tmpfs tmpfs "$box/run"
mount -t proc proc "$box/proc"
shift 3
chroot "$box" env SYSTEMD_DEVICE_VERIFY_SYSFS=0 udevadm "$@"`;

async function udevadm(...args: readonly string[]): Promise<string> {
  const unshared = ["--mount", "--propagation", "unchanged", "bash", "-c", UDEVADM, "udevadm", TOOLS, sys, rules];
  return (await nodeExec("unshare", [...unshared, ...args], AbortSignal.timeout(60_000))).stdout;
}

/** A disk with its two partitions, as the kernel shows them. */
function addDisk(place: string, name: string, partitionPrefix: string, major: number): void {
  const add = (path: string, device: string, minor: number, more: string) => {
    mkdirSync(join(sys, path, "holders"), { recursive: true });
    symlinkSync("/sys/class/block", join(sys, path, "subsystem"));
    writeFileSync(
      join(sys, path, "uevent"),
      `MAJOR=${major}\nMINOR=${minor}\nDEVNAME=${device}\nDISKSEQ=${major}\n${more}`,
    );
    symlinkSync(`/sys/${path}`, join(sys, "class/block", device));
    symlinkSync(`/sys/${path}`, join(sys, `dev/block/${major}:${minor}`));
  };
  add(`${place}/block/${name}`, name, 0, "DEVTYPE=disk\n");
  for (const number of [1, 2]) {
    const device = `${partitionPrefix}${number}`;
    add(`${place}/block/${name}/${device}`, device, number, `DEVTYPE=partition\nPARTN=${number}\n`);
    writeFileSync(join(sys, `${place}/block/${name}/${device}/partition`), `${number}\n`);
  }
}

async function namesOf(path: string): Promise<readonly string[]> {
  const printed = await udevadm("test", "--action=add", `/sys/devices/${path}`);
  const links = /^\s*DEVLINKS=(.*)$/m.exec(printed)?.[1]?.split(" ") ?? [];
  return links.filter((link) => /^\/dev\/disk\/by-part(?:label|uuid)\//.test(link)).sort();
}

const CARD = "devices/pci0000:00/mmc_host/mmc0/mmc0:1234";
const STICK = "devices/pci0000:00/usb1/1-1/1-1:1.0/host0/target0:0:0/0:0:0:0";
const SECOND = "devices/pci0000:00/ata2/host2/target2:0:0/2:0:0:0";
addDisk("devices/pci0000:00/nvme/nvme0", "nvme0n1", "nvme0n1p", 259);
addDisk(CARD, "mmcblk0", "mmcblk0p", 179);
addDisk(STICK, "sda", "sda", 8);
addDisk(SECOND, "sdb", "sdb", 65);

for (const { root, others } of [
  {
    root: "devices/pci0000:00/nvme/nvme0/block/nvme0n1/nvme0n1p",
    others: [`${CARD}/block/mmcblk0/mmcblk0p1`, `${STICK}/block/sda/sda1`, `${SECOND}/block/sdb/sdb1`],
  },
  { root: `${CARD}/block/mmcblk0/mmcblk0p`, others: [`${STICK}/block/sda/sda1`, `${STICK}/block/sda`] },
  { root: `${STICK}/block/sda/sda`, others: [`${CARD}/block/mmcblk0/mmcblk0p1`] },
])
  test(`a box that starts from ${root.split("/").at(-2)}: no other disk has names of its partitions`, async () => {
    const holder = join(sys, `${root}2/holders/dm-0`);
    mkdirSync(holder);
    try {
      const esp = ["/dev/disk/by-partlabel/esp", "/dev/disk/by-partuuid/c0-ffee"];
      assert.deepEqual(await namesOf(`${root}1`.replace("devices/", "")), esp);
      for (const other of others) assert.deepEqual(await namesOf(other.replace("devices/", "")), [], other);
    } finally {
      rmSync(holder, { recursive: true });
    }
  });

test("udev finds nothing wrong with our rules of disks and USB", async () => {
  for (const name of [OURS, "61-cepa-usb.rules", "75-cepa-store.rules"])
    copyFileSync(join(PROJECT, "overlay/usr/lib/udev/rules.d", name), join(rules, name));
  assert.match(await udevadm("verify", "--no-style", "/etc/udev/rules.d"), /Fail: +0$/m);
});

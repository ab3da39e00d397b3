import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeExec } from "../../core/node/exec.ts";
import { readHostApt } from "../../image/host-apt.ts";
import { aptLinesOf } from "../../image/mirror.ts";

/**
 * Makes .cache/bench/debian.raw, what the sensor's start is held against: Debian 13 with its kernel, systemd and DHCP, and nothing that is
 * not needed for that; systemd-boot, ext4, Debian's own initrd. Takes the image's tools tree. Must run where there is a network, as root.
 */
const PROJECT = join(import.meta.dirname, "../..");
const TOOLS = join(PROJECT, ".cache/image/tools");
const WORK = join(PROJECT, ".cache/bench/debian");
export const DEBIAN_DISK = join(PROJECT, ".cache/bench/debian.raw");
const PACKAGES = ["linux-image-amd64", "initramfs-tools", "zstd", "systemd-sysv", "udev", "dbus"];
const TIMEOUT_MS = 1_800_000;
const DISK_SIZE = "4G";

/** Messages of systemd on the serial line tell how far it is. */
const ENTRY = `title Debian
linux /vmlinuz
initrd /initrd.img
options root=PARTLABEL=debian rw console=tty0 console=ttyS0,115200 quiet systemd.show_status=yes
`;

async function makeDebianDisk(): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const inTools = (...command: readonly string[]) =>
    nodeExec("sh", [join(PROJECT, "image/in-tools.sh"), TOOLS, WORK, ...command], signal);
  await rm(WORK, { recursive: true, force: true });
  await mkdir(join(WORK, "esp/EFI/BOOT"), { recursive: true });
  const apt = await readHostApt(process.env.CEPA_MIRROR, nodeExec, signal);
  const root = join(WORK, "root");
  await nodeExec(
    "mmdebstrap",
    [
      ...["--mode=root", "--variant=minbase", "--format=directory", `--include=${PACKAGES.join(",")}`],
      ...apt.options.map((line) => `--aptopt=${line}`),
      ...["trixie", root, ...aptLinesOf(apt.mirror, "trixie")],
    ],
    signal,
  );
  const network = join(root, "etc/systemd/network");
  await writeFile(join(network, "wired.network"), "[Match]\nName=en*\n[Network]\nDHCP=yes\n");
  await writeFile(join(root, "etc/fstab"), "PARTLABEL=debian / ext4 defaults 0 1\n");
  await writeFile(join(root, "etc/hostname"), "debian\n");
  await nodeExec("systemctl", [`--root=${root}`, "enable", "systemd-networkd.service"], signal);
  await mkdir(join(WORK, "esp/loader/entries"), { recursive: true });
  await writeFile(join(WORK, "esp/loader/loader.conf"), "timeout 0\n");
  await writeFile(join(WORK, "esp/loader/entries/debian.conf"), ENTRY);
  await inTools(
    "sh",
    "-euc",
    "cp /usr/lib/systemd/boot/efi/systemd-bootx64.efi /work/esp/EFI/BOOT/BOOTX64.EFI; " +
      "cp -L /work/root/vmlinuz /work/root/initrd.img /work/esp/",
  );
  await mkdir(join(WORK, "repart"));
  await writeFile(
    join(WORK, "repart/10-esp.conf"),
    "[Partition]\nType=esp\nSizeMinBytes=256M\nSizeMaxBytes=256M\nFormat=vfat\nCopyFiles=/work/esp:/\n",
  );
  await writeFile(
    join(WORK, "repart/20-root.conf"),
    "[Partition]\nType=root\nLabel=debian\nFormat=ext4\nCopyFiles=/work/root:/\n",
  );
  await inTools(
    "systemd-repart",
    ...["--empty=create", `--size=${DISK_SIZE}`, "--offline=yes", "--sector-size=512", "--architecture=x86-64"],
    ...["--definitions=/work/repart", "--dry-run=no", "--no-pager", "/work/disk.raw"],
  );
  await rename(join(WORK, "disk.raw"), DEBIAN_DISK);
  await rm(WORK, { recursive: true });
}

if (import.meta.main) {
  const there = await stat(DEBIAN_DISK).catch(() => undefined);
  if (there === undefined) {
    process.stderr.write("bench: making a Debian disk to compare with\n");
    await makeDebianDisk();
  }
}

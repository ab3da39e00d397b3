import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeExec } from "../../core/node/exec.ts";
import { PARTITION_TYPES } from "../../image/layout.ts";

const PROJECT = join(import.meta.dirname, "../..");
const IN_TOOLS = [join(PROJECT, "image/in-tools.sh"), join(PROJECT, ".cache/image/tools")];

/**
 * Arguments of QEMU: a keyboard behind a hub, a network card, and a stick whose partitions have the names of the box's own, made in
 * `work`, a new folder.
 */
export async function usbDevices(work: string, signal: AbortSignal): Promise<readonly string[]> {
  await mkdir(work);
  const { state, linuxGeneric } = PARTITION_TYPES;
  for (const [name, type] of Object.entries({ state, nsm: linuxGeneric }))
    await writeFile(join(work, `${name}.conf`), `[Partition]\nType=${type}\nLabel=${name}\nSizeMaxBytes=16M\n`);
  const size = ["--empty=create", "--size=64M", "--offline=yes", "--dry-run=no"];
  const make = ["systemd-repart", ...size, "--definitions=/work", "/work/stick.raw"];
  await nodeExec("sh", [...IN_TOOLS, work, ...make], signal);
  return [
    ...["-device", "usb-hub,bus=usb.0,port=2", "-device", "usb-kbd,bus=usb.0,port=2.1"],
    ...["-netdev", "user,id=card,restrict=on", "-device", "usb-net,bus=usb.0,port=3,netdev=card"],
    ...["-drive", `if=none,id=stick,format=raw,snapshot=on,file=${join(work, "stick.raw")}`],
    ...["-device", "usb-storage,bus=usb.0,port=4,drive=stick"],
  ];
}

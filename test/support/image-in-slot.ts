import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseUpdateDescription } from "../../core/contract/update-set.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { slotUuidsOf } from "../../core/slot-uuids.ts";
import { partitionsOf } from "../../scripts/rig/disk-image.ts";

const TIMEOUT_MS = 120_000;
const COPY_BYTES = 4 * 1024 * 1024;

/**
 * Puts the version of a set into the first slot of a flashed disk, in place of what is there, as a build of it would have: `inTools` is the
 * command that runs a program with the disk's folder as /work.
 */
export async function putIntoFirstSlot(set: string, disk: string, inTools: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { roothash } = parseUpdateDescription(await readFile(join(set, "update.json"), "utf8"));
  const names = await readdir(set);
  const partitions = await partitionsOf(disk);
  const uuids = slotUuidsOf(roothash);
  const [program = "", ...args] = inTools;
  for (const [label, end, uuid] of [
    [/^cepa_[^_]+$/, ".root", uuids.root],
    [/^cepa_[^_]+_verity$/, ".verity", uuids.verity],
  ] as const) {
    const number = partitions.findIndex((partition) => label.test(partition.label));
    const partition = partitions[number];
    const name = names.find((one) => one.endsWith(end));
    if (partition === undefined || name === undefined)
      throw new Error(`no ${label} on ${disk}, or no ${end} in ${set}`);
    await copyInto(join(set, name), disk, partition.offsetBytes);
    await nodeExec(
      program,
      [...args, "sfdisk", "--part-uuid", `/work/${disk.split("/").at(-1)}`, `${number + 1}`, uuid],
      signal,
    );
  }
  const esp = `${disk}@@${partitions.find(({ label }) => label === "esp")?.offsetBytes}`;
  const kernel = names.find((name) => name.endsWith(".efi")) ?? "";
  await nodeExec("mdel", ["-i", esp, "::/EFI/Linux/*.efi"], signal);
  await nodeExec("mcopy", ["-i", esp, join(set, kernel), `::/EFI/Linux/${kernel}`], signal);
}

async function copyInto(path: string, disk: string, offsetBytes: number): Promise<void> {
  const [from, to] = [await open(path, "r"), await open(disk, "r+")];
  try {
    const chunk = Buffer.alloc(COPY_BYTES);
    for (let at = 0; ; ) {
      const { bytesRead } = await from.read(chunk, 0, COPY_BYTES, at);
      if (bytesRead === 0) break;
      await to.write(chunk, 0, bytesRead, offsetBytes + at);
      at += bytesRead;
    }
  } finally {
    await from.close();
    await to.close();
  }
}

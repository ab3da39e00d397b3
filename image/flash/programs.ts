import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { FlashError } from "./flash-error.ts";

/** What is run once the disk is written, and the sensor's earlier box given up; with their packages of Debian. */
const PROGRAMS = { openvpn: "openvpn", mke2fs: "e2fsprogs", e2fsck: "e2fsprogs", debugfs: "e2fsprogs" } as const;

/** Throws a FlashError when one of them is not in `path`, a PATH: to be known before anything is done. */
export async function checkPrograms(path: string): Promise<void> {
  for (const [program, debianPackage] of Object.entries(PROGRAMS)) {
    const found = path.split(delimiter).map((folder) => access(join(folder, program), constants.X_OK));
    await Promise.any(found).catch((cause: unknown) => {
      const why = `${program} is not found in PATH (${path}): it is in /usr/sbin, by Debian's package ${debianPackage}`;
      throw new FlashError("toolFailed", why, { cause });
    });
  }
}

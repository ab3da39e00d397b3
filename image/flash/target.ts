import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Exec } from "../../core/ports.ts";
import { FlashError } from "./flash-error.ts";
import type { FoundTarget } from "./flash-plan.ts";

/** One block device as lsblk(8) shows it with `--json --bytes`. */
export interface BlockDevice {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly ro: boolean;
  readonly mountpoints: readonly (string | null)[];
  readonly model?: string | null;
  readonly children?: readonly BlockDevice[];
}

export const LSBLK_ARGS = ["--json", "--bytes", "--output", "PATH,TYPE,SIZE,RO,MOUNTPOINTS,MODEL"] as const;

/** Why a device must not be written, or undefined. Everything that lies on it counts: partitions, mappings, swap. */
export function findObjection(device: BlockDevice): string | undefined {
  if (device.type !== "disk" && device.type !== "loop") return `${device.path} is a ${device.type}, not a whole disk`;
  if (device.ro) return `${device.path} is read-only`;
  const mounted = mountsOf(device);
  if (mounted.length > 0) return `${device.path} is in use: ${mounted.join(", ")}`;
  return undefined;
}

function mountsOf(device: BlockDevice): readonly string[] {
  return [
    ...device.mountpoints.filter((place) => place !== null).map((place) => `${device.path} on ${place}`),
    ...(device.children ?? []).flatMap(mountsOf),
  ];
}

/**
 * Looks at what is to be written. A file need not exist; it gets `fileSizeBytes`. Throws a FlashError for a device that
 * is mounted or otherwise in use, the system's own disk among them, or is no whole disk.
 */
export async function readTarget(
  path: string,
  fileSizeBytes: number,
  exec: Exec,
  signal: AbortSignal,
): Promise<FoundTarget> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || status.isFile()) {
    if (status === undefined && path.startsWith("/dev/")) throw new FlashError("badTarget", `there is no ${path}`);
    await access(status === undefined ? dirname(path) : path, constants.W_OK).catch((cause: Error) => {
      throw new FlashError("badTarget", `${path} can't be written: ${cause.message}`, { cause });
    });
    return { path, kind: "file", sizeBytes: fileSizeBytes, exists: status !== undefined && status.size > 0, model: "" };
  }
  if (!status.isBlockDevice()) throw new FlashError("badTarget", `${path} is neither a file nor a disk`);
  const { stdout } = await exec("lsblk", [...LSBLK_ARGS, path], signal).catch((cause: Error) => {
    throw new FlashError("toolFailed", `${path} can't be looked at: ${cause.message}`, { cause });
  });
  const device = (JSON.parse(stdout) as { blockdevices: BlockDevice[] }).blockdevices[0];
  if (device === undefined) throw new FlashError("badTarget", `${path} is no block device that lsblk knows`);
  const objection = findObjection(device);
  if (objection !== undefined) throw new FlashError(device.type === "disk" ? "inUse" : "badTarget", objection);
  await claim(path);
  return { path, kind: "device", sizeBytes: device.size, exists: true, model: (device.model ?? "").trim() };
}

/**
 * Linux opens a block device exclusively (O_EXCL without O_CREAT) only when nothing in the kernel holds it: it also
 * catches a mount that this process can't see. Source: open(2).
 */
async function claim(path: string): Promise<void> {
  const { O_RDWR, O_EXCL } = constants;
  try {
    await (await open(path, O_RDWR | O_EXCL)).close();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new FlashError(
      code === "EBUSY" ? "inUse" : "badTarget",
      code === "EBUSY" ? `${path} is in use` : `${path} can't be opened: ${message}`,
      { cause },
    );
  }
}

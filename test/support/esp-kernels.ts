import { nodeExec } from "../../core/node/exec.ts";
import { findPartition } from "../../scripts/rig/disk-image.ts";

const TOOL_TIMEOUT_MS = 60_000;

export interface EspKernel {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Kernels on a disk's ESP, by name. */
export async function kernelsOn(disk: string): Promise<readonly EspKernel[]> {
  const { offsetBytes } = await findPartition(disk, /^esp$/);
  return kernelsAt(`${disk}@@${offsetBytes}`);
}

/** The same of what mtools takes for an image: a file, or one with an offset. None while there is no folder for them. */
export async function kernelsAt(image: string): Promise<readonly EspKernel[]> {
  const listing = await nodeExec("mdir", ["-i", image, "::/EFI/Linux"], AbortSignal.timeout(TOOL_TIMEOUT_MS));
  return parseKernels(listing.stdout);
}

/** Lines of mdir: `CEPA_0~1 EFI  57999360 2026-11-27  11:26  cepa_0.1.0.efi`. */
export function parseKernels(listing: string): readonly EspKernel[] {
  return [...listing.matchAll(/^\S+ +EFI +(\d+) .* (cepa_\S+\.efi) *$/gm)]
    .map(([, sizeBytes, name = ""]) => ({ name, sizeBytes: Number(sizeBytes) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

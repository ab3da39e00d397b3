import { mkdirSync } from "node:fs";
import { nodeExec } from "../../core/node/exec.ts";

/** Mounts a file system in memory (tmpfs) on `folder`; resolves to what unmounts it. Needs root. */
export async function mountMemory(folder: string, signal: AbortSignal): Promise<() => Promise<void>> {
  mkdirSync(folder, { recursive: true });
  await nodeExec("mount", ["-t", "tmpfs", "tmpfs", folder], signal);
  return async () => {
    await nodeExec("umount", ["-l", folder], AbortSignal.timeout(10_000));
  };
}

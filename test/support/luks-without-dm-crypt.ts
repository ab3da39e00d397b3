import { open, rm, symlink, truncate } from "node:fs/promises";
import { join } from "node:path";
import { nodeExec } from "../../core/node/exec.ts";
import type { Exec } from "../../core/ports.ts";

const CONTENT_BYTES = 32 * 1024 * 1024;

/**
 * cryptsetup itself, where the kernel has no dm-crypt: `open` only proves the key, and leaves in `mapper` a link to
 * `contentFile` where the kernel would have made a device.
 */
export function luksWithoutDmCrypt(mapper: string, contentFile: string): Exec {
  return async (program, args, signal, options) => {
    if (program !== "cryptsetup" || args[0] === "luksFormat") return nodeExec(program, args, signal, options);
    const name = args.at(-1) ?? "";
    if (args[0] === "close") {
      await rm(join(mapper, name));
      return { stdout: "", stderr: "" };
    }
    const proved = await nodeExec(program, [...args.slice(0, -1), "--test-passphrase"], signal, options);
    await (await open(contentFile, "a")).close();
    await truncate(contentFile, CONTENT_BYTES);
    await symlink(contentFile, join(mapper, name));
    return proved;
  };
}

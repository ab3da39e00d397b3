import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Exec } from "../../core/ports.ts";
import { type FirmwareVariables, RefusedError, type VariableName } from "./admit-key.ts";

/** EFI_GLOBAL_VARIABLE and EFI_IMAGE_SECURITY_DATABASE_GUID (UEFI 2.10, sections 3.3 and 32.6); systemd's boot loader's. */
const GUIDS = {
  SecureBoot: "8be4df61-93ca-11d2-aa0d-00e098032b8c",
  SetupMode: "8be4df61-93ca-11d2-aa0d-00e098032b8c",
  db: "d719b2cb-3d3a-4596-a3bc-dad00e67656f",
  dbx: "d719b2cb-3d3a-4596-a3bc-dad00e67656f",
  LoaderImageIdentifier: "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
} as const satisfies Readonly<Record<VariableName, string>>;

/** efivarfs has the attributes before the content, little-endian. */
const ATTRIBUTES_BYTES = 4;
/** NON_VOLATILE, BOOTSERVICE_ACCESS, RUNTIME_ACCESS, TIME_BASED_AUTHENTICATED_WRITE_ACCESS, APPEND_WRITE. */
const APPEND_SIGNED = 0x01 | 0x02 | 0x04 | 0x20 | 0x40;

/** What the kernel makes of EFI_SECURITY_VIOLATION, EFI_WRITE_PROTECTED, EFI_INVALID_PARAMETER and EFI_OUT_OF_RESOURCES. */
const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: "the firmware does not take the signature: its KEK is not of these keys",
  EROFS: "the firmware lets nobody write its keys",
  EINVAL: "the firmware does not take an update of this form",
  ENOSPC: "the firmware has no room for it",
};

/** The firmware's variables by efivarfs, which is mounted at `folder`. */
export function efiVariables(folder: string, exec: Exec, signal: AbortSignal): FirmwareVariables {
  const pathOf = (name: VariableName) => join(folder, `${name}-${GUIDS[name]}`);
  return {
    async read(name) {
      try {
        return (await readFile(pathOf(name))).subarray(ATTRIBUTES_BYTES);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    async appendToDb(update) {
      const content = Buffer.alloc(ATTRIBUTES_BYTES + update.length);
      content.writeUInt32LE(APPEND_SIGNED);
      content.set(update, ATTRIBUTES_BYTES);
      const path = pathOf("db");
      await exec("chattr", ["-i", path], signal); // efivarfs guards what firmware may need to start
      try {
        await writeAtOnce(path, content);
      } catch (error) {
        const why = REFUSALS[(error as NodeJS.ErrnoException).code ?? ""];
        if (why === undefined) throw error;
        throw new RefusedError(why, { cause: error });
      } finally {
        await exec("chattr", ["+i", path], signal);
      }
    },
  };
}

/** One write(2) is one call of SetVariable(). */
async function writeAtOnce(path: string, content: Uint8Array): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { bytesWritten } = await file.write(content, 0, content.length, 0);
    if (bytesWritten !== content.length)
      throw new Error(`${path}: ${bytesWritten} of ${content.length} octets written`);
  } finally {
    await file.close();
  }
}

/**
 * What systemd-boot hands over when it counts the boots of what it started: the file, `\EFI\Linux\cepa_0.2.0+2-1.efi`. Source: systemd,
 * "Automatic Boot Assessment" and "The Boot Loader Interface", LoaderBootCountPath.
 */
export const BOOT_COUNT_VARIABLE = "/sys/firmware/efi/efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/** Attributes in front of a variable's data. Source: Linux, Documentation/filesystems/efivarfs.rst. */
const ATTRIBUTES_BYTES = 4;

/** The file of the ESP, below EFI/Linux, that is counted, and its version. */
export interface CountedKernel {
  readonly file: string;
  readonly version: string;
}

/** What a variable of efivarfs names; undefined when it is none of ours. */
export function parseCountedKernel(variable: Uint8Array): CountedKernel | undefined {
  const path = Buffer.from(variable.subarray(ATTRIBUTES_BYTES)).toString("utf16le").replace(/\0+$/, "");
  const found = /^\\EFI\\Linux\\(cepa_([A-Za-z0-9.~]{1,64})\+\d{1,10}(?:-\d{1,10})?\.efi)$/i.exec(path);
  return found?.[1] === undefined || found[2] === undefined ? undefined : { file: found[1], version: found[2] };
}

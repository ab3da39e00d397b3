import type { LockedPackage } from "./lock-file.ts";

export interface IndexedPackage {
  readonly locked: LockedPackage;
  /** Its control fields, as `dpkg-deb --field` prints them. */
  readonly control: string;
  /** Of the .deb. */
  readonly sizeBytes: number;
  /** Below the folder that apt is given. */
  readonly fileName: string;
}

/** A Packages file (repository format, https://wiki.debian.org/DebianRepository/Format) with the hashes of the lock, which apt checks. */
export function renderPackagesIndex(packages: readonly IndexedPackage[]): string {
  return packages
    .map(({ locked, control, sizeBytes, fileName }) =>
      [control.trimEnd(), `Filename: ${fileName}`, `Size: ${sizeBytes}`, `SHA256: ${locked.sha256}`, ""].join("\n"),
    )
    .join("\n");
}

/** The Release file beside it: mmdebstrap chooses essential packages by the suite's name. */
export function renderRelease(suite: string, index: { readonly sha256: string; readonly sizeBytes: number }): string {
  return [
    "Origin: Debian",
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    "Date: Thu, 01 Jan 1970 00:00:00 UTC",
    "Architectures: amd64 all",
    "SHA256:",
    ` ${index.sha256} ${index.sizeBytes} Packages`,
    "",
  ].join("\n");
}

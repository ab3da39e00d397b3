import { type FormatSignature, magic, octetOr, textMagic } from "./format-signature.ts";
import { hasText, word16Little } from "./octets.ts";

/** PKWARE's APPNOTE, section 4.3.7: a version up to 6.3, a method that there is. */
export function isZipEntry(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 10) return octetOr(b, from + 4, to, 20) <= 63;
  const method = word16Little(b, from + 8);
  return (b[from + 4] as number) <= 63 && (method <= 20 || (method >= 93 && method <= 99));
}

/** A version of 6 (that compresses first) to 50, and a length of at most 256 MiB. */
function isFlash(b: Uint8Array, from: number, to: number): boolean {
  const version = octetOr(b, from + 3, to, 6);
  return version >= 6 && version <= 50 && octetOr(b, from + 7, to, 0) < 16;
}

/** Archives and packages whose content is compressed. */
export const CONTAINER_FORMATS: readonly FormatSignature[] = [
  magic("504b0304", isZipEntry),
  magic("504b0708504b0304"), // zip, in parts
  magic("377abcaf271c"), // 7z
  magic("526172211a07"), // RAR
  magic("4d53434600000000"), // CAB
  magic("60ea", (b, from, to) => octetOr(b, from + 4, to, 0) >= 30 && octetOr(b, from + 10, to, 2) === 2), // ARJ
  textMagic("!<arch>\ndebian-binary   "),
  magic("edabeedb", (b, from, to) => octetOr(b, from + 4, to, 3) <= 4), // RPM
  textMagic("xar!"),
  textMagic("MSWIM\0\0\0"),
  textMagic("hsqs"), // SquashFS
  textMagic("Cr24"), // Chrome's extensions
  textMagic("%PDF-", (b, from, to) => hasText(b, from + 6, to, ".")),
  textMagic("CWS", isFlash), // zlib
  textMagic("ZWS", isFlash), // LZMA
];

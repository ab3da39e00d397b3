import { hash } from "node:crypto";

/** SHA-256 (FIPS 180-4), lower-case hexadecimal. */
export function sha256Hex(input: string | Uint8Array): string {
  return hash("sha256", input);
}

import { hash } from "node:crypto";

/** MD5 of a text, in lower-case hexadecimal: what HASSH is made of. */
export function md5Hex(text: string): string {
  return hash("md5", text, "hex");
}

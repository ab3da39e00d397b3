/** Characters up to 255 as octets, ISO 8859-1. */
export function latin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

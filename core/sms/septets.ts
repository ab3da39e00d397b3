/** GSM 7 bit default alphabet, 3GPP TS 23.038, section 6.2.1; 0x1b leads to an extension and shows as a space here. */
const ALPHABET =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
  "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/** Unpacks `count` septets (3GPP TS 23.038, section 6.1.2.1.1); fewer when the octets end. */
export function decodeSeptets(packed: Uint8Array, count: number): string {
  let text = "";
  for (let i = 0; i < count; i++) {
    const bit = i * 7;
    const low = packed[bit >> 3];
    if (low === undefined) break;
    const word = low | ((packed[(bit >> 3) + 1] ?? 0) << 8);
    text += ALPHABET[(word >> (bit & 7)) & 0x7f];
  }
  return text;
}

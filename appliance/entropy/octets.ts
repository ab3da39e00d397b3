/** Reads of whole numbers from octets; the caller sees to it that they are there (beyond the end reads as 0). */

/** 16 bits, most significant octet first. */
export function word16(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 8) | (b[at + 1] as number);
}

/** 16 bits, least significant octet first. */
export function word16Little(b: Uint8Array, at: number): number {
  return ((b[at + 1] as number) << 8) | (b[at] as number);
}

/** 24 bits, most significant octet first. */
export function word24(b: Uint8Array, at: number): number {
  return (word16(b, at) << 8) | (b[at + 2] as number);
}

/** 32 bits, most significant octet first, 0 to 2^32 - 1. */
export function word32(b: Uint8Array, at: number): number {
  return word16(b, at) * 65_536 + word16(b, at + 2);
}

/** 32 bits, least significant octet first, 0 to 2^32 - 1. */
export function word32Little(b: Uint8Array, at: number): number {
  return word16Little(b, at + 2) * 65_536 + word16Little(b, at);
}

/** True where the characters of `text` (ISO 8859-1) stand at `at`. */
export function hasText(b: Uint8Array, at: number, to: number, text: string): boolean {
  if (to - at < text.length) return false;
  for (let i = 0; i < text.length; i++) if (b[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** The same, letters in either case; `text` in lower case. */
export function hasTextAnyCase(b: Uint8Array, at: number, to: number, text: string): boolean {
  if (to - at < text.length) return false;
  for (let i = 0; i < text.length; i++) {
    const octet = b[at + i] as number;
    const lower = octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
    if (lower !== text.charCodeAt(i)) return false;
  }
  return true;
}

export function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39;
}

/** Printable ASCII, tab and line ends. */
export function isTextOctet(octet: number): boolean {
  return (octet >= 0x20 && octet <= 0x7e) || octet === 0x09 || octet === 0x0a || octet === 0x0d;
}

/** True where all of `bytes[from]` to `bytes[to - 1]` is text, and there is some. */
export function isText(b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isTextOctet(b[i] as number)) return false;
  return to > from;
}

export function isZero(b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (b[i] !== 0) return false;
  return true;
}

export function onPort(source: number, destination: number, port: number): boolean {
  return source === port || destination === port;
}

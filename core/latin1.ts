const CHUNK_BYTES = 4096;

/** Octets as text, a character each (ISO 8859-1): nothing is lost, and nothing can be malformed. */
export function decodeLatin1(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at += CHUNK_BYTES)
    // typed as for an array, but any array-like does; a spread would walk an iterator
    text += String.fromCharCode.apply(null, bytes.subarray(at, Math.min(to, at + CHUNK_BYTES)) as unknown as number[]);
  return text;
}

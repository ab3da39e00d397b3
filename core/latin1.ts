/** Node.js's own, which reads any Uint8Array: some ten times as quick as String.fromCharCode on a part of one. */
const { latin1Slice } = Buffer.prototype;

/** Octets as text, a character each (ISO 8859-1): nothing is lost, and nothing can be malformed. */
export function decodeLatin1(bytes: Uint8Array, from: number, to: number): string {
  return from < to ? latin1Slice.call(bytes as Buffer, from, Math.min(to, bytes.length)) : "";
}

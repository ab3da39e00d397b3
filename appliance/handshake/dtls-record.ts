/** Type, version, epoch, sequence number of 6 octets, length (RFC 6347, section 4.1). */
export const DTLS_HEADER_BYTES = 13;
export const DTLS_CHANGE_CIPHER_SPEC = 20;
export const DTLS_HANDSHAKE = 22;
/** Of the version, in one's complement: 1.0 is 0xfeff, 1.2 0xfefd; 1.3 says 1.2. */
const VERSION_MAJOR = 0xfe;
const VERSIONS_MINOR: ReadonlySet<number> = new Set([0xff, 0xfd, 0xfc]);
const EPOCH_AT = 3;

/** Whether a datagram starts with a handshake record in clear. */
export function startsDtlsHandshake(bytes: Uint8Array, from: number, to: number): boolean {
  return (
    bytes[from] === DTLS_HANDSHAKE &&
    to - from > DTLS_HEADER_BYTES &&
    hasDtlsVersion(bytes, from) &&
    !isDtlsEncrypted(bytes, from)
  );
}

export function hasDtlsVersion(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 1] === VERSION_MAJOR && VERSIONS_MINOR.has(bytes[at + 2] as number);
}

/** Of an epoch other than the first. */
export function isDtlsEncrypted(bytes: Uint8Array, at: number): boolean {
  return bytes[at + EPOCH_AT] !== 0 || bytes[at + EPOCH_AT + 1] !== 0;
}

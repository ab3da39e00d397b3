import { uint16At } from "./client-hello.ts";

/** Content types (RFC 8446, section 5.1; heartbeat: RFC 6520). */
export const RECORD_CHANGE_CIPHER_SPEC = 20;
const RECORD_ALERT = 21;
export const RECORD_HANDSHAKE = 22;
export const RECORD_APPLICATION_DATA = 23;
export const RECORD_HEARTBEAT = 24;

/** Type, version, length. */
export const RECORD_HEADER_BYTES = 5;
/** RFC 5246, section 6.2.3: 2^14 and what a cipher adds. */
export const RECORD_MAX_BYTES = (1 << 14) + 2048;
const VERSION_MINOR_MAX = 4;
const HANDSHAKE_HEADER_BYTES = 4;
const CLIENT_HELLO = 1;
/** Of a ClientHello: version, random, and the lengths of the session id, the suites and the compression methods. */
const CLIENT_HELLO_MIN_BYTES = 38;
/** No hello in use comes near. */
const CLIENT_HELLO_MAX_BYTES = 1 << 16;
const SESSION_ID_LENGTH_AT = RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES + 34;
const SESSION_ID_MAX_BYTES = 32;
const ALERT_BYTES = 2;

/** SSL 2.0, section 2.5: type, version, three lengths. */
const SSL2_HELLO_FIXED_BYTES = 9;
const SSL2_CHALLENGE_MIN_BYTES = 16;
const SSL2_CHALLENGE_MAX_BYTES = 32;

/** Whether a record header of TLS stands at `from`, whole, with a type, version and length that occur together. */
export function looksLikeTls(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < RECORD_HEADER_BYTES) return false;
  const type = bytes[from] as number;
  const length = uint16At(bytes, from + 3);
  if (bytes[from + 1] !== 3 || (bytes[from + 2] as number) > VERSION_MINOR_MAX) return false;
  if (length === 0 || length > RECORD_MAX_BYTES) return false;
  switch (type) {
    case RECORD_CHANGE_CIPHER_SPEC:
      return length === 1;
    case RECORD_ALERT:
      return length === ALERT_BYTES || length >= 16;
    case RECORD_HANDSHAKE:
      return length >= HANDSHAKE_HEADER_BYTES;
    case RECORD_APPLICATION_DATA:
      return true;
    default:
      return false;
  }
}

/** Whether a ClientHello stands at `from`: 6 octets of it, or as many as there are, are looked at; also one in the form of SSL 2.0. */
export function looksLikeClientHello(bytes: Uint8Array, from: number, to: number): boolean {
  if (bytes[from] !== RECORD_HANDSHAKE) return looksLikeSsl2Hello(bytes, from, to);
  if (!looksLikeTls(bytes, from, to) || to - from < RECORD_HEADER_BYTES + 1) return false;
  if (bytes[from + RECORD_HEADER_BYTES] !== CLIENT_HELLO) return false;
  if (to - from < RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES + 2) return true;
  const length = ((bytes[from + 6] as number) << 16) | uint16At(bytes, from + 7);
  if (length < CLIENT_HELLO_MIN_BYTES || length > CLIENT_HELLO_MAX_BYTES || bytes[from + 9] !== 3) return false;
  return to - from <= SESSION_ID_LENGTH_AT || (bytes[from + SESSION_ID_LENGTH_AT] as number) <= SESSION_ID_MAX_BYTES;
}

/**
 * A ClientHello in the form of SSL 2.0, which clients up to about 2010 sent to be understood by old servers
 * (RFC 5246, appendix E.2; RFC 6101, appendix E).
 */
function looksLikeSsl2Hello(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < 2 + SSL2_HELLO_FIXED_BYTES || ((bytes[from] as number) & 0x80) === 0) return false;
  const version = uint16At(bytes, from + 3);
  if (bytes[from + 2] !== CLIENT_HELLO || (version !== 2 && (version < 0x0300 || version > 0x0303))) return false;
  const suites = uint16At(bytes, from + 5);
  const sessionId = uint16At(bytes, from + 7);
  const challenge = uint16At(bytes, from + 9);
  if (suites === 0 || suites % 3 !== 0 || (sessionId !== 0 && sessionId !== 16)) return false;
  if (challenge < SSL2_CHALLENGE_MIN_BYTES || challenge > SSL2_CHALLENGE_MAX_BYTES) return false;
  return (uint16At(bytes, from) & 0x7fff) === SSL2_HELLO_FIXED_BYTES + suites + sessionId + challenge;
}

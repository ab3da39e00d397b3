import { decodeLatin1 } from "../../core/latin1.ts";

/** What a ClientHello offers. GREASE values (RFC 8701) are left where they stand. */
export interface ClientHello {
  /** legacy_version: 0x0303 in TLS 1.3 as well, 0xfefd in DTLS. */
  readonly version: number;
  /** Of the extension supported_versions; empty without it. */
  readonly supportedVersions: readonly number[];
  readonly cipherSuites: readonly number[];
  /** Types, in the order of the message. */
  readonly extensions: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  /** host_name, as text of ASCII: U+FFFD stands for any octet beyond. */
  readonly sni: string | null;
  /** First name of the ALPN list, a character an octet. */
  readonly alpn: string | null;
  /** False where the message ends too early, or a length in it is wrong: what was read before that is here. */
  readonly complete: boolean;
}

/** RFC 8446, section 4.2, and RFC 7301, section 6. */
const EXTENSION_SERVER_NAME = 0x0000;
const EXTENSION_SIGNATURE_ALGORITHMS = 0x000d;
const EXTENSION_ALPN = 0x0010;
const EXTENSION_SUPPORTED_VERSIONS = 0x002b;
/** RFC 6066, section 3. */
const NAME_TYPE_HOST = 0;
/** legacy_version and random. */
const FIXED_BYTES = 34;
const SESSION_ID_MAX_BYTES = 32;
/** A DNS name has 253 octets at most (RFC 1035, section 2.3.4); others occur, and are cut. */
const SNI_MAX_BYTES = 1024;

interface Draft {
  version: number;
  supportedVersions: number[];
  cipherSuites: number[];
  extensions: number[];
  signatureAlgorithms: number[];
  sni: string | null;
  alpn: string | null;
  complete: boolean;
}

/**
 * Reads the body of a ClientHello: what follows the header of the handshake message (4 octets; 12 in DTLS, where `datagram`
 * says that a cookie comes before the cipher suites). Undefined when it is none. Linear in its length.
 * Source: RFC 8446, section 4.1.2; RFC 5246, section 7.4.1.2; RFC 6347, section 4.2.1; RFC 9147, section 5.3.
 */
export function parseClientHello(bytes: Uint8Array, datagram = false): ClientHello | undefined {
  const end = bytes.length;
  if (end <= FIXED_BYTES) return undefined;
  const version = uint16At(bytes, 0);
  const sessionIdBytes = bytes[FIXED_BYTES] as number;
  if (!isVersion(version, datagram) || sessionIdBytes > SESSION_ID_MAX_BYTES) return undefined;
  const hello: Draft = {
    version,
    supportedVersions: [],
    cipherSuites: [],
    extensions: [],
    signatureAlgorithms: [],
    sni: null,
    alpn: null,
    complete: false,
  };
  let at = FIXED_BYTES + 1 + sessionIdBytes;
  if (datagram) {
    if (at >= end) return hello;
    at += 1 + (bytes[at] as number);
  }
  if (at + 2 > end) return hello;
  const suiteBytes = uint16At(bytes, at);
  at += 2;
  readUint16List(bytes, at, Math.min(end, at + suiteBytes), hello.cipherSuites);
  at += suiteBytes;
  if (at >= end) return hello;
  at += 1 + (bytes[at] as number); // compression methods
  if (at > end) return hello;
  if (at === end)
    hello.complete = true; // SSL 3.0 and TLS 1.0 may have no extensions
  else if (at + 2 <= end) {
    const extensionsEnd = at + 2 + uint16At(bytes, at);
    hello.complete = readExtensions(bytes, at + 2, Math.min(end, extensionsEnd), hello) && extensionsEnd <= end;
  }
  return hello;
}

/** SSL 3.0 to TLS 1.2 and what may come after; DTLS counts downwards, and 0x0100 is OpenSSL's draft of it. */
function isVersion(version: number, datagram: boolean): boolean {
  return datagram ? version >>> 8 === 0xfe || version === 0x0100 : version >>> 8 === 3;
}

/** False when an extension ends behind `end`. */
function readExtensions(bytes: Uint8Array, from: number, end: number, hello: Draft): boolean {
  let at = from;
  while (at + 4 <= end) {
    const type = uint16At(bytes, at);
    const bodyEnd = at + 4 + uint16At(bytes, at + 2);
    hello.extensions.push(type);
    readExtension(bytes, type, at + 4, Math.min(bodyEnd, end), hello);
    at = bodyEnd;
  }
  return at === end;
}

function readExtension(bytes: Uint8Array, type: number, at: number, end: number, hello: Draft): void {
  if (at + 2 > end) return;
  const listBytes = uint16At(bytes, at);
  const listEnd = Math.min(end, at + 2 + listBytes);
  if (type === EXTENSION_SERVER_NAME) hello.sni ??= readServerName(bytes, at + 2, listEnd);
  else if (type === EXTENSION_ALPN) hello.alpn ??= readFirstAlpn(bytes, at + 2, listEnd);
  else if (type === EXTENSION_SIGNATURE_ALGORITHMS) readUint16List(bytes, at + 2, listEnd, hello.signatureAlgorithms);
  else if (type === EXTENSION_SUPPORTED_VERSIONS)
    readUint16List(bytes, at + 1, Math.min(end, at + 1 + (bytes[at] as number)), hello.supportedVersions);
}

/** The first host name of a server_name_list (RFC 6066, section 3). */
function readServerName(bytes: Uint8Array, from: number, end: number): string | null {
  for (let at = from; at + 3 <= end; ) {
    const nameEnd = at + 3 + uint16At(bytes, at + 1);
    if (bytes[at] === NAME_TYPE_HOST) {
      if (nameEnd > end || nameEnd === at + 3) return null;
      return decodeLatin1(bytes, at + 3, Math.min(nameEnd, at + 3 + SNI_MAX_BYTES)).replace(/[\x80-\xff]/g, "\ufffd");
    }
    at = nameEnd;
  }
  return null;
}

/** The first of a ProtocolNameList (RFC 7301, section 3.1). */
export function readFirstAlpn(bytes: Uint8Array, at: number, end: number): string | null {
  if (at >= end) return null;
  const nameEnd = at + 1 + (bytes[at] as number);
  return nameEnd > end || nameEnd === at + 1 ? null : decodeLatin1(bytes, at + 1, nameEnd);
}

function readUint16List(bytes: Uint8Array, from: number, end: number, list: number[]): void {
  for (let at = from; at + 2 <= end; at += 2) list.push(uint16At(bytes, at));
}

export function uint16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

import { readFirstAlpn, uint16At } from "./client-hello.ts";

/** What a ServerHello or HelloRetryRequest chooses. */
export interface ServerHello {
  /** As negotiated: selected_version where there is one. */
  readonly version: number;
  readonly cipherSuite: number;
  /** Null in TLS 1.3, where it is encrypted. */
  readonly alpn: string | null;
}

/** RFC 8446, section 4.2, and RFC 7301, section 6. */
const EXTENSION_ALPN = 0x0010;
const EXTENSION_SUPPORTED_VERSIONS = 0x002b;
const FIXED_BYTES = 34;
const SESSION_ID_MAX_BYTES = 32;
/** Drafts of TLS 1.3 have 0x7f00 and their number; the first 21 left out session id and compression. */
const DRAFT = 0x7f;
const DRAFT_WITH_SESSION_ID = 22;

/**
 * Reads the body of a ServerHello as far as it is there; undefined when not even its suite is. A HelloRetryRequest has the
 * same form, and must say the version and suite of the ServerHello after it.
 * Source: RFC 8446, sections 4.1.3 and 4.1.4; RFC 5246, section 7.4.1.3.
 */
export function parseServerHello(bytes: Uint8Array): ServerHello | undefined {
  const end = bytes.length;
  if (end < FIXED_BYTES + 2) return undefined;
  const legacyVersion = uint16At(bytes, 0);
  const major = legacyVersion >>> 8;
  if (major !== 3 && major !== 0xfe && major !== DRAFT && legacyVersion !== 0x0100) return undefined;
  const isOldDraft = major === DRAFT && (legacyVersion & 0xff) < DRAFT_WITH_SESSION_ID;
  let at = FIXED_BYTES;
  if (!isOldDraft) {
    const sessionIdBytes = bytes[at] as number;
    if (sessionIdBytes > SESSION_ID_MAX_BYTES) return undefined;
    at += 1 + sessionIdBytes;
  }
  if (at + 2 > end) return undefined;
  const cipherSuite = uint16At(bytes, at);
  at += isOldDraft ? 2 : 3;
  let version = legacyVersion;
  let alpn: string | null = null;
  const extensionsEnd = at + 2 <= end ? Math.min(end, at + 2 + uint16At(bytes, at)) : 0;
  for (at += 2; at + 4 <= extensionsEnd; ) {
    const type = uint16At(bytes, at);
    const bodyEnd = at + 4 + uint16At(bytes, at + 2);
    if (bodyEnd > extensionsEnd) break;
    if (type === EXTENSION_SUPPORTED_VERSIONS && bodyEnd === at + 6) version = uint16At(bytes, at + 4);
    else if (type === EXTENSION_ALPN) alpn ??= readFirstAlpn(bytes, at + 6, bodyEnd);
    at = bodyEnd;
  }
  return { version, cipherSuite, alpn };
}

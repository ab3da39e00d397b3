import { decodeLatin1 } from "../../core/latin1.ts";
import { uint32At } from "./quic-packet.ts";

/** What a client of Google's QUIC says in clear. */
export interface GoogleClientHello {
  /** "Q043" */
  readonly version: string;
  readonly sni: string | null;
}

const LONG_HEADER = 0x80;
/** Of the public flags: a version follows, behind a connection id of 8 octets when that flag is set as well. */
const FLAG_VERSION = 0x01;
const FLAG_CONNECTION_ID = 0x08;
const CONNECTION_ID_BYTES = 8;
const LETTER_Q = 0x51;
const VERSION_BYTES = 4;
/** "CHLO" stands behind the packet number, a hash of 12 octets and the header of a STREAM frame, each of more than one form. */
const SEARCH_BYTES = 64;
const TAG_CHLO = 0x43484c4f;
const TAG_SNI = 0x534e4900;
/** The message's tag, number of tags, padding. */
const MESSAGE_HEADER_BYTES = 8;
const TAGS_MAX = 128;
const ENTRY_BYTES = 8;
const SNI_MAX_BYTES = 1024;

/**
 * Reads the CHLO of a client's first packet, as versions up to Q046 send it in clear; undefined when it is none.
 * Source: Langley and Chang, "QUIC Crypto" (2016), sections "Handshake messages" and "Client hello"; "QUIC Wire Layout
 * Specification", section "Public packet header".
 */
export function readGoogleClientHello(bytes: Uint8Array, from: number, to: number): GoogleClientHello | undefined {
  const versionAt = versionOffset(bytes[from] as number, from);
  if (versionAt + VERSION_BYTES > to || !isVersion(bytes, versionAt)) return undefined;
  const limit = Math.min(to - MESSAGE_HEADER_BYTES, versionAt + VERSION_BYTES + SEARCH_BYTES);
  for (let at = versionAt + VERSION_BYTES; at <= limit; at++)
    if (bytes[at] === TAG_CHLO >>> 24 && uint32At(bytes, at) === TAG_CHLO)
      return { version: decodeLatin1(bytes, versionAt, versionAt + VERSION_BYTES), sni: readSni(bytes, at, to) };
  return undefined;
}

/** Q046 has the long header of RFC 8999; those before it public flags. Beyond all octets when there is no version. */
function versionOffset(first: number, from: number): number {
  if ((first & LONG_HEADER) !== 0) return from + 1;
  if ((first & FLAG_VERSION) === 0) return Number.POSITIVE_INFINITY;
  return from + 1 + ((first & FLAG_CONNECTION_ID) === 0 ? 0 : CONNECTION_ID_BYTES);
}

/** "Q" and three digits. */
function isVersion(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== LETTER_Q) return false;
  for (let i = 1; i < VERSION_BYTES; i++) {
    const octet = bytes[at + i] as number;
    if (octet < 0x30 || octet > 0x39) return false;
  }
  return true;
}

/** The same where the CHLO lies in CRYPTO frames (Q050): of a stream that starts with it and has all of it; undefined otherwise. */
export function readGoogleCrypto(stream: Uint8Array): { readonly sni: string | null } | undefined {
  if (stream.length < MESSAGE_HEADER_BYTES || uint32At(stream, 0) !== TAG_CHLO) return undefined;
  const values = MESSAGE_HEADER_BYTES + ENTRY_BYTES * ((stream[4] as number) | ((stream[5] as number) << 8));
  if (values > stream.length || values + littleEndian32At(stream, values - 4) > stream.length) return undefined;
  return { sni: readSni(stream, 0, stream.length) };
}

/** Tags in ascending order, each with the offset of the end of its value; then the values. */
function readSni(bytes: Uint8Array, message: number, to: number): string | null {
  const count = (bytes[message + 4] as number) | ((bytes[message + 5] as number) << 8);
  const entries = message + MESSAGE_HEADER_BYTES;
  const values = entries + ENTRY_BYTES * count;
  if (count > TAGS_MAX || values > to) return null;
  let start = 0;
  for (let at = entries; at < values; at += ENTRY_BYTES) {
    const end = littleEndian32At(bytes, at + 4);
    if (end < start || values + end > to) return null;
    if (uint32At(bytes, at) === TAG_SNI)
      return decodeLatin1(bytes, values + start, values + Math.min(end, start + SNI_MAX_BYTES));
    start = end;
  }
  return null;
}

function littleEndian32At(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

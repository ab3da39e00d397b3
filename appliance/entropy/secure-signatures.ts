import { hasText, isDigit, onPort, word16, word24, word32 } from "./octets.ts";
import { range, type Signature, signature } from "./signature.ts";

/** RFC 8446, section 5.1: content type 20..24, legacy version 3.0..3.4, at most 2^14 + 2048 octets (RFC 5246). */
function isTlsRecord(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 5) return false;
  const length = word16(b, from + 3);
  return b[from + 1] === 3 && (b[from + 2] as number) <= 4 && length > 0 && length <= 18_432;
}

/** RFC 6101, appendix E: length with the high bit set, 1 for ClientHello, version, three lengths that fill it. */
function isSsl2Hello(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 11 || b[from + 2] !== 1) return false;
  const version = word16(b, from + 3);
  if (version !== 2 && (version < 0x0300 || version > 0x0303)) return false;
  const ciphers = word16(b, from + 5);
  return ciphers % 3 === 0 && (word16(b, from) & 0x7fff) === 9 + ciphers + word16(b, from + 7) + word16(b, from + 9);
}

/** RFC 9147, section 4: content type, version 254.255, 254.253 or OpenSSL's old 1.0, epoch, sequence number, length. */
function isDtlsRecord(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 14) return false;
  const version = word16(b, from + 1);
  if (version !== 0xfeff && version !== 0xfefd && version !== 0x0100) return false;
  if (b[from] === 25) return version === 0xfefd; // RFC 9146: a connection id of unknown length stands before the length
  const length = word16(b, from + 11);
  return length > 0 && length <= to - from - 13;
}

/** RFC 5415, section 4.1: CAPWAP's preamble 1 says that DTLS follows, behind three reserved octets. */
function isCapwapDtls(b: Uint8Array, from: number, to: number): boolean {
  const type = b[from + 4] as number;
  return word24(b, from + 1) === 0 && type >= 20 && type <= 25 && isDtlsRecord(b, from + 4, to);
}

/** RFC 9000, section 17.2: long header of a known version, connection ids of at most 20 octets. */
function isQuicLong(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 16) return false;
  if (isGoogleVersion(b, from + 1)) return true; // Q046 has both lengths of connection ids in one octet
  if ((b[from + 5] as number) > 20) return false;
  const high = word16(b, from + 1);
  const low = word16(b, from + 3);
  if (high === 0) return low === 1 || (low === 0 && isVersionNegotiation(b, from, to));
  if (high === 0x6b33) return low === 0x43cf; // RFC 9369
  if (high === 0xff00) return low <= 0xff; // drafts
  if (high === 0xface) return (low & 0xfff0) === 0xb000; // Facebook's mvfst
  if (high === 0xabcd) return (low & 0xfff0) === 0; // MsQuic
  if (((high & 0x0f0f) | (low & 0x0f0f)) === 0x0a0a) return (high & 0x0f0f) === (low & 0x0f0f); // section 15: reserved
  return false;
}

/** RFC 9000, section 17.2.1: two connection ids and a list of versions of four octets each. */
function isVersionNegotiation(b: Uint8Array, from: number, to: number): boolean {
  const sourceAt = from + 6 + (b[from + 5] as number);
  if (sourceAt >= to || (b[sourceAt] as number) > 20) return false;
  const rest = to - (sourceAt + 1 + (b[sourceAt] as number));
  return rest >= 4 && rest % 4 === 0;
}

/** Google's QUIC before the standard (gQUIC wire layout): flags, connection id, and a version of the form Q043. */
function isGoogleQuic(b: Uint8Array, from: number, to: number): boolean {
  const first = b[from] as number;
  if (to - from < 14 || (first & 1) === 0) return false;
  return isGoogleVersion(b, (first & 8) !== 0 ? from + 9 : from + 1);
}

function isGoogleVersion(b: Uint8Array, at: number): boolean {
  const letter = b[at] as number;
  return (
    (letter === 0x51 || letter === 0x54) &&
    b[at + 1] === 0x30 &&
    isDigit(b[at + 2] as number) &&
    isDigit(b[at + 3] as number)
  ); // Q or T
}

/** gQUIC without a version, as a server answers: 0x00, 0x08, 0x0c.. , only on QUIC's own port, with a handshake message in clear. */
function isGoogleHandshake(b: Uint8Array, from: number, to: number): boolean {
  for (let at = from + 10; at < Math.min(to - 4, from + 40); at++)
    if (hasText(b, at, to, "CHLO") || hasText(b, at, to, "REJ\0") || hasText(b, at, to, "SHLO")) return true;
  return false;
}

/**
 * RFC 9000, section 17.3: a short header has no more than its form and fixed bits; QUIC's own port is asked for as well, and the
 * length of a packet that can be sampled for header protection.
 */
function isQuicShort(_b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  return to - from >= 25 && onPort(source, destination, 443);
}

/** RFC 4253, section 4.2. */
function isSshBanner(b: Uint8Array, from: number, to: number): boolean {
  return hasText(b, from, to, "SSH-1.") || hasText(b, from, to, "SSH-2.");
}

/** DNSCRYPT-V2-PROTOCOL, section 4: a response starts with "r6fnvWj8"; a certificate is a TXT record that starts with "DNSC". */
function isDnscryptResponse(b: Uint8Array, from: number, to: number): boolean {
  return hasText(b, from, to, "r6fnvWj8");
}

/**
 * MS-RDPBCGR, section 2.2.1.1: TPKT, a connection request or confirm of X.224, and in it either the routing token or an
 * RDP negotiation (type 1..3, length 8).
 */
function isRdp(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 11 || b[from + 1] !== 0 || word16(b, from + 2) !== to - from) return false;
  const type = b[from + 5] as number;
  if (type === 0xe0 && hasText(b, from + 11, to, "Cookie: mstshash")) return true;
  if ((type !== 0xe0 && type !== 0xd0) || to - from < 19) return false;
  const negotiation = b[to - 8] as number;
  return negotiation >= 1 && negotiation <= 3 && b[to - 6] === 8 && b[to - 5] === 0;
}

/** WhatsApp's Noise pipes: "WA", a version, a dictionary version, or "ED" 0 1 in front of it. */
function isWhatsApp(b: Uint8Array, from: number, to: number): boolean {
  if (b[from] === 0x45) return hasText(b, from, to, "ED\0\x01");
  if (!hasText(b, from, to, "WA") || to - from < 4) return false;
  const major = b[from + 2] as number;
  return major >= 1 && major <= 6 && (b[from + 3] as number) <= 9;
}

/** The same behind an "ED" preamble of 4 octets that came in a packet of its own: a length of three octets, "WA" in the next ten. */
function isWhatsAppRouting(b: Uint8Array, from: number, to: number): boolean {
  for (let at = from + 4; at < Math.min(from + 20, to - 4); at++)
    if (b[at] === 0x57 && b[at + 1] === 0x41 && isWhatsApp(b, at, to) && b[from + 1] === 0) return true;
  return false;
}

/** Magic 0xbebafece and the length of what follows, both least significant octet first. */
function isAliCloud(b: Uint8Array, from: number, to: number): boolean {
  return to - from >= 8 && word32(b, from) === 0xcefabeba && b[from + 6] === 0 && b[from + 7] === 0;
}

/** Spotify's access point: 0 4, the length of the whole, then a ClientHello whose first field is 0x52 (10, length-delimited). */
function isSpotify(b: Uint8Array, from: number, to: number): boolean {
  return to - from >= 12 && word16(b, from) === 4 && word32(b, from + 2) === to - from && b[from + 6] === 0x52;
}

/** MTProto transports that are not obfuscated: intermediate and padded intermediate (core.telegram.org/mtproto/mtproto-transports). */
function isTelegram(b: Uint8Array, from: number, to: number): boolean {
  const marker = word32(b, from);
  return to - from >= 8 && (marker === 0xeeeeeeee || marker === 0xdddddddd) && b[from + 6] === 0 && b[from + 7] === 0;
}

/** TeamViewer's commands: 0x17 0x24, a command, a reserved octet and the length of what follows. */
function isTeamViewer(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 5 &&
    b[from + 1] === 0x24 &&
    (b[from + 2] as number) >= 0x0a &&
    (b[from + 2] as number) <= 0x70 &&
    b[from + 3] === 0
  );
}

/** Tuya's LAN protocol: prefix 0x000055aa or 0x00006699, sequence, command, length, and the same octets turned round at the end. */
function isTuya(b: Uint8Array, from: number, to: number): boolean {
  const prefix = word32(b, from);
  if (to - from < 20) return false;
  if (prefix === 0x0000_55aa) return word32(b, from + 12) === to - from - 16 && word32(b, to - 4) === 0x0000_aa55;
  return prefix === 0x0000_6699 && word32(b, to - 4) === 0x0000_9966;
}

/** Steam's UDP packets start with "VS01", those over TCP carry "VT01" behind their length. */
function isSteam(b: Uint8Array, from: number, to: number): boolean {
  return hasText(b, from, to, "VS01") || hasText(b, from + 4, to, "VT01");
}

/** RFC 8907, section 4.1: version 12.0 or 12.1, type 1..3, sequence, flags 0, 1, 4 or 5, session, length of the rest. */
function isTacacs(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 12 || (b[from + 1] as number) < 1 || (b[from + 1] as number) > 3) return false;
  return ((b[from + 3] as number) & 0xfa) === 0 && word32(b, from + 8) === to - from - 12;
}

/** Protocols whose payload is encrypted, by their own layout. */
export const SECURE_SIGNATURES: readonly Signature[] = [
  signature("TLS", "tcp", range(20, 24), isTlsRecord),
  signature("TLS", "tcp", range(0x80, 0xff), isSsl2Hello),
  signature("SSH", "tcp", [0x53], isSshBanner),
  signature("DTLS", "udp", range(20, 25), isDtlsRecord),
  signature("DTLS", "udp", [1], isCapwapDtls),
  signature("QUIC", "udp", range(0x80, 0xff), isQuicLong),
  signature("QUIC", "udp", range(0, 0x7f), isGoogleQuic),
  signature("DNSCrypt", "both", [0x72], isDnscryptResponse),
  signature("RDP", "tcp", [3], isRdp),
  signature("WhatsApp", "tcp", [0x57, 0x45], isWhatsApp),
  signature("WhatsApp", "tcp", [0], isWhatsAppRouting),
  signature("AliCloud", "tcp", [0xce], isAliCloud),
  signature("Spotify", "tcp", [0], isSpotify),
  signature("Telegram", "tcp", [0xee, 0xdd], isTelegram),
  signature("TeamViewer", "tcp", [0x17], isTeamViewer),
  signature("Tuya", "both", [0], isTuya),
  signature("Steam", "udp", [0x56], isSteam),
  signature("Steam", "tcp", undefined, isSteam),
  signature("TACACS+", "tcp", [0xc0, 0xc1], isTacacs),
  signature("QUIC", "udp", [0, 8, 0x0c, 0x1c, 0x18, 0x10, 0x2c, 0x3c], isGoogleHandshake),
];

/** Weak ones, for the end of the list. */
export const WEAK_SECURE_SIGNATURES: readonly Signature[] = [signature("QUIC", "udp", range(0x40, 0x7f), isQuicShort)];

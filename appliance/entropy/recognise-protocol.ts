/**
 * What the first bytes of a direction say about the application protocol. `encrypts`: what follows is expected to be
 * encrypted, and the protocol accounts for it.
 */
export interface Protocol {
  readonly name: string;
  readonly encrypts: boolean;
}

const NONE = 0;
const TLS = 1;
const DTLS = 2;
const QUIC = 3;
const SSH = 4;
const IKE = 5;
const ESP = 6;
const WIREGUARD = 7;
const OPENVPN = 8;
const HTTP = 9;
const DNS = 10;
const SMTP = 11;
const POP3 = 12;
const IMAP = 13;
const FTP = 14;
const BITTORRENT = 15;
const SMB = 16;
const NTP = 17;
const DHCP = 18;
const SIP = 19;

/** By code; a session's code is one octet, 0 for none. */
export const PROTOCOLS: readonly (Protocol | undefined)[] = [
  undefined,
  { name: "TLS", encrypts: true },
  { name: "DTLS", encrypts: true },
  { name: "QUIC", encrypts: true },
  { name: "SSH", encrypts: true },
  { name: "IKE", encrypts: true },
  { name: "ESP", encrypts: true },
  { name: "WireGuard", encrypts: true },
  { name: "OpenVPN", encrypts: true },
  { name: "HTTP", encrypts: false },
  { name: "DNS", encrypts: false },
  { name: "SMTP", encrypts: false },
  { name: "POP3", encrypts: false },
  { name: "IMAP", encrypts: false },
  { name: "FTP", encrypts: false },
  { name: "BitTorrent", encrypts: false },
  { name: "SMB", encrypts: false },
  { name: "NTP", encrypts: false },
  { name: "DHCP", encrypts: false },
  { name: "SIP", encrypts: false },
];

export const PROTOCOL_NONE = NONE;
export const PROTOCOL_ESP = ESP;

const IP_TCP = 6;
const IP_UDP = 17;
const IP_ESP = 50;

/** Looks at the payload of one segment or datagram, `bytes[from]` to `bytes[to - 1]`; allocates nothing. */
export function recogniseProtocol(
  bytes: Uint8Array,
  from: number,
  to: number,
  ipProtocol: number,
  sourcePort: number,
  destinationPort: number,
): number {
  if (ipProtocol === IP_ESP) return ESP;
  if (ipProtocol === IP_TCP) return recogniseStream(bytes, from, to, sourcePort, destinationPort);
  if (ipProtocol === IP_UDP) return recogniseDatagram(bytes, from, to, sourcePort, destinationPort);
  return NONE;
}

function recogniseStream(b: Uint8Array, from: number, to: number, sourcePort: number, destinationPort: number): number {
  if (to - from < 4) return NONE;
  if (isTlsRecord(b, from, to)) return TLS;
  if (startsWith(b, from, to, "SSH-")) return SSH;
  if (startsWith(b, from, to, "HTTP/1.")) return HTTP;
  if (startsWith(b, from, to, "220 ") || startsWith(b, from, to, "220-"))
    return sourcePort === 21 ? FTP : sourcePort === 25 || sourcePort === 587 ? SMTP : NONE;
  if (startsWith(b, from, to, "+OK")) return POP3;
  if (startsWith(b, from, to, "* OK")) return IMAP;
  if (startsWith(b, from, to, "\x13BitTorrent protocol")) return BITTORRENT;
  if (isSmb(b, from, to)) return SMB;
  if (sourcePort === 53 || destinationPort === 53) return DNS;
  if (isOpenVpn(b, from + 2, to) && word16(b, from) + 2 <= to - from && onPort(sourcePort, destinationPort, 1194))
    return OPENVPN;
  return NONE;
}

function recogniseDatagram(b: Uint8Array, from: number, to: number, source: number, destination: number): number {
  const length = to - from;
  if (length < 4) return NONE;
  if (isDtlsRecord(b, from, to)) return DTLS;
  if (isQuic(b, from, to)) return QUIC;
  if (isWireGuard(b, from, length)) return WIREGUARD;
  if (onPort(source, destination, 500) && isIke(b, from, length)) return IKE;
  if (onPort(source, destination, 4500)) {
    if (word16(b, from) !== 0 || word16(b, from + 2) !== 0) return length >= 16 ? ESP : NONE; // RFC 3948
    if (isIke(b, from + 4, length - 4)) return IKE;
  }
  if (isOpenVpn(b, from, to) && onPort(source, destination, 1194)) return OPENVPN;
  if (startsWith(b, from, to, "SIP/2.0 ") || startsWith(b, from, to, "REGISTER sip:")) return SIP;
  if (onPort(source, destination, 53) || onPort(source, destination, 5353) || onPort(source, destination, 5355))
    return length >= 12 ? DNS : NONE;
  if (onPort(source, destination, 123) && length >= 48) return NTP;
  if (onPort(source, destination, 67) && length >= 236) return DHCP;
  return NONE;
}

function onPort(source: number, destination: number, port: number): boolean {
  return source === port || destination === port;
}

function word16(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 8) | (b[at + 1] as number);
}

function startsWith(b: Uint8Array, from: number, to: number, text: string): boolean {
  if (to - from < text.length) return false;
  for (let i = 0; i < text.length; i++) if (b[from + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** RFC 8446, section 5.1: content type 20..24, legacy version 3.0..3.4, at most 2^14 + 2048 octets (RFC 5246). */
function isTlsRecord(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 5) return false;
  const type = b[from] as number;
  const length = word16(b, from + 3);
  if (type < 20 || type > 24 || b[from + 1] !== 3 || (b[from + 2] as number) > 4) return false;
  return length > 0 && length <= 18_432;
}

/** RFC 9147, section 4: content type, version 254.255 or 254.253, epoch, sequence number, length. */
function isDtlsRecord(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 13) return false;
  const type = b[from] as number;
  const version = word16(b, from + 1);
  if (type < 20 || type > 25 || (version !== 0xfeff && version !== 0xfefd)) return false;
  return word16(b, from + 11) <= to - from - 13;
}

/** RFC 9000, section 17.2: long header of a known version; and Google's own, whose version is text, Q or T and digits. */
function isQuic(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 16) return false;
  const first = b[from] as number;
  if ((first & 0x80) !== 0) {
    const high = word16(b, from + 1);
    const low = word16(b, from + 3);
    if (high === 0 && low === 1) return true;
    if (high === 0x6b33 && low === 0x43cf) return true; // RFC 9369
    if (high === 0xff00 && low <= 0xff) return true; // drafts
    return isGoogleVersion(b, from + 1);
  }
  return (first & 0x0d) === 0x0d && isGoogleVersion(b, from + 9)
    ? true
    : (first & 9) === 9 && isGoogleVersion(b, from + 9);
}

function isGoogleVersion(b: Uint8Array, at: number): boolean {
  if (b[at] !== 0x51 && b[at] !== 0x54) return false;
  for (let i = 1; i < 4; i++) if ((b[at + i] as number) < 0x30 || (b[at + i] as number) > 0x39) return false;
  return true;
}

/** WireGuard whitepaper, section 5.4: type 1..4 in a little-endian word; the first three have one size each. */
function isWireGuard(b: Uint8Array, from: number, length: number): boolean {
  if (b[from + 1] !== 0 || b[from + 2] !== 0 || b[from + 3] !== 0) return false;
  switch (b[from]) {
    case 1:
      return length === 148;
    case 2:
      return length === 92;
    case 3:
      return length === 64;
    case 4:
      return length >= 32 && length % 16 === 0 && word16(b, from + 12) === 0 && word16(b, from + 14) === 0;
    default:
      return false;
  }
}

/** RFC 7296, section 3.1: version 1.0 or 2.0 at octet 17, the length of the message at octet 24. */
function isIke(b: Uint8Array, from: number, length: number): boolean {
  if (length < 28) return false;
  const version = b[from + 17];
  return (version === 0x10 || version === 0x20) && word16(b, from + 24) === 0 && word16(b, from + 26) <= length;
}

/** OpenVPN's opcode is in the upper five bits, the key id below; a hard reset opens a session. */
function isOpenVpn(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 14) return false;
  const opcode = (b[from] as number) >> 3;
  return opcode >= 1 && opcode <= 11;
}

/** MS-SMB2, section 2.1: length in three octets behind a zero, then 0xFE or 0xFF and "SMB". */
function isSmb(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 8 || b[from] !== 0) return false;
  const magic = b[from + 4] as number;
  return magic >= 0xfd && b[from + 5] === 0x53 && b[from + 6] === 0x4d && b[from + 7] === 0x42;
}

/** A session that carried an HTTP request. */
export const PROTOCOL_HTTP = HTTP;

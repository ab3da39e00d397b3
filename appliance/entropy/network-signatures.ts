import { hasText, isTextOctet, onPort, word16, word24, word32 } from "./octets.ts";
import { range, type Signature, signature } from "./signature.ts";

const DNS_HEADER_BYTES = 12;
const LABEL_MAX_BYTES = 63;
const NAME_LABELS_MAX = 32;

/** RFC 1035, section 4.1: a header whose opcode and counts can be, and a question whose name is whole. */
function isDnsAt(b: Uint8Array, from: number, to: number, strict: boolean): boolean {
  if (to - from < DNS_HEADER_BYTES) return false;
  const opcode = ((b[from + 2] as number) >> 3) & 15;
  const questions = word16(b, from + 4);
  const records = word16(b, from + 6) + word16(b, from + 8) + word16(b, from + 10);
  if (opcode > 6 || opcode === 3 || questions > 16 || records > 512 || ((b[from + 3] as number) & 0x40) !== 0)
    return false;
  if (strict && questions !== 1) return false;
  if (questions === 0) return !strict && records > 0;
  let at = from + DNS_HEADER_BYTES;
  for (let label = 0; label < NAME_LABELS_MAX && at < to; label++) {
    const length = b[at] as number;
    if (length === 0) {
      const kind = at + 5 <= to ? word16(b, at + 3) & 0x7fff : 0;
      return kind === 1 || kind === 3 || kind === 4 || kind === 255;
    }
    if (length > LABEL_MAX_BYTES) return false;
    at += length + 1;
  }
  return !strict && at >= to; // cut
}

function isDns(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const known =
    onPort(source, destination, 53) || onPort(source, destination, 5353) || onPort(source, destination, 5355);
  return isDnsAt(b, from, to, !known);
}

/** RFC 1035, section 4.2.2: over TCP the length stands in front. */
function isDnsStream(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const length = word16(b, from);
  return (
    length >= DNS_HEADER_BYTES &&
    (length <= to - from - 2 || onPort(source, destination, 53)) &&
    isDnsAt(b, from + 2, to, !onPort(source, destination, 53))
  );
}

/** RFC 5905, section 7.3: version 1..4, a mode, on port 123. */
function isNtp(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const version = ((b[from] as number) >> 3) & 7;
  return (
    onPort(source, destination, 123) &&
    to - from >= 12 &&
    version >= 1 &&
    version <= 4 &&
    ((b[from] as number) & 7) !== 0
  );
}

/** RFC 2131, section 2: request or reply; hardware address of at most 16 octets; the cookie, or the port. */
function isDhcp(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  if (to - from < 236) return false;
  return onPort(source, destination, 67) || (to - from >= 240 && word32(b, from + 236) === 0x63825363);
}

/** RFC 8415, section 8. */
function isDhcp6(_b: Uint8Array, _from: number, _to: number, source: number, destination: number): boolean {
  return onPort(source, destination, 547) || onPort(source, destination, 546);
}

/** RFC 1002, sections 4.2 and 4.4: name service as DNS, datagrams by type, both on their ports. */
function isNetbiosDatagram(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  if (onPort(source, destination, 137)) return isDnsAt(b, from, to, false);
  return onPort(source, destination, 138) && (b[from] as number) >= 0x10 && (b[from] as number) <= 0x16;
}

/** RFC 1002, section 4.3: session request, with two encoded names of 34 octets. */
function isNetbiosSession(b: Uint8Array, from: number, to: number): boolean {
  return (
    (b[from] === 0x81 && word24(b, from + 1) === 0x44 && b[from + 4] === 0x20) ||
    (to - from === 4 && b[from] === 0x82 && word24(b, from + 1) === 0)
  );
}

/** MS-SMB2, section 2.1: length in three octets behind a zero, then 0xFE or 0xFF and "SMB". */
function isSmb(b: Uint8Array, from: number, to: number): boolean {
  return hasText(b, from + 5, to, "SMB") && ((b[from + 4] as number) === 0xfe || b[from + 4] === 0xff);
}

/** MS-SMB2, section 2.2.41: encrypted messages start with 0xFD. */
function isSmbEncrypted(b: Uint8Array, from: number, to: number): boolean {
  return b[from + 4] === 0xfd && hasText(b, from + 5, to, "SMB");
}

/** RFC 2865, section 3: code, identifier, length, authenticator, attributes that fill it. */
function isRadius(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 20 || word16(b, from + 2) !== to - from) return false;
  let at = from + 20;
  while (at + 2 <= to) {
    if ((b[at + 1] as number) < 2) return false;
    at += b[at + 1] as number;
  }
  return at === to;
}

/** RFC 6733, section 3: version 1, length in words, reserved flags 0, a command of 24 bits. */
function isDiameter(b: Uint8Array, from: number, to: number): boolean {
  const length = word24(b, from + 1);
  return (
    to - from >= 20 &&
    length >= 20 &&
    length % 4 === 0 &&
    ((b[from + 4] as number) & 0x0f) === 0 &&
    word24(b, from + 5) >= 257 &&
    b[from + 8] === 0 &&
    length <= 65_536
  );
}

/** RFC 5531, section 9: a call of version 2 to a known kind of program, or an accepted or denied reply. */
function isRpcCallAt(b: Uint8Array, at: number, to: number, nfs: boolean): boolean {
  if (to - at < 24) return false;
  if (word32(b, at + 4) === 0 && word32(b, at + 8) === 2) {
    const program = word32(b, at + 12);
    return nfs
      ? program === 100_003 || program === 100_005 || program === 100_021
      : program >= 100_000 && program < 0x6000_0000;
  }
  return (
    !nfs && word32(b, at + 4) === 1 && word32(b, at + 8) <= 1 && word32(b, at + 12) <= 6 && word32(b, at + 16) <= 400
  );
}

/** NetFlow 5 and 9 (RFC 3954, section 5) and IPFIX (RFC 7011, section 3.1). */
function isNetflow(b: Uint8Array, from: number, to: number): boolean {
  const count = word16(b, from + 2);
  if (word16(b, from) === 5) return count > 0 && count <= 30 && to - from === 24 + 48 * count;
  if (word16(b, from) === 9)
    return (
      to - from >= 24 &&
      count > 0 &&
      count < 64 &&
      word32(b, from + 8) > 900_000_000 &&
      word32(b, from + 8) < 2_100_000_000
    );
  return false;
}

function isIpfix(b: Uint8Array, from: number, to: number): boolean {
  return word16(b, from) === 10 && to - from >= 20 && word16(b, from + 2) === to - from;
}

/** sFlow 5: version, kind of address. */
function isSflow(b: Uint8Array, from: number, to: number): boolean {
  const version = word32(b, from);
  return to - from >= 28 && version >= 2 && version <= 5 && (word32(b, from + 4) === 1 || word32(b, from + 4) === 2);
}

/** collectd's binary protocol: part 0 (host name), its length, text that ends with 0. */
function isCollectd(b: Uint8Array, from: number, to: number): boolean {
  const length = word16(b, from + 2);
  if (b[from + 1] !== 0 || length < 6 || length > 132 || from + length > to || b[from + length - 1] !== 0) return false;
  for (let at = from + 4; at < from + length - 1; at++) if (!isTextOctet(b[at] as number)) return false;
  return true;
}

/** 3GPP TS 29.060, section 6, and 29.274, section 5: version 1 or 2, and the length. */
function isGtp(b: Uint8Array, from: number, to: number): boolean {
  const version = (b[from] as number) >> 5;
  return to - from >= 8 && word16(b, from + 2) === to - from - (version === 1 ? 8 : 4);
}

/** 3GPP TS 29.244, section 7.2.2: version 1, spare bits 0, a known message, the length. */
function isPfcp(b: Uint8Array, from: number, to: number): boolean {
  return (b[from + 1] as number) <= 57 && to - from >= 8 && word16(b, from + 2) === to - from - 4;
}

/** RFC 5036, section 3.1: version 1, length, LDP identifier. */
function isLdp(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  return onPort(source, destination, 646) && word16(b, from) === 1 && word16(b, from + 2) >= 6 && to - from >= 10;
}

/** RFC 4271, section 4.1: a marker of ones, length, type. */
function isBgp(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 19) return false;
  for (let i = 0; i < 16; i++) if (b[from + i] !== 0xff) return false;
  return (b[from + 18] as number) >= 1 && (b[from + 18] as number) <= 5;
}

/** RFC 1350, section 5: read or write, file name, mode. */
function isTftp(b: Uint8Array, from: number, to: number): boolean {
  if (b[from] !== 0 || ((b[from + 1] as number) !== 1 && b[from + 1] !== 2)) return false;
  let at = from + 2;
  while (at < to && isTextOctet(b[at] as number)) at++;
  return at > from + 2 && b[at] === 0 && (hasText(b, at + 1, to, "octet\0") || hasText(b, at + 1, to, "netascii\0"));
}

/** IEEE 1588, section 13.3: version 2, length, on its ports. */
function isPtp(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  return (
    (onPort(source, destination, 319) || onPort(source, destination, 320)) &&
    ((b[from + 1] as number) & 15) === 2 &&
    word16(b, from + 2) <= to - from
  );
}

/** Infrastructure of networks. */
export const NETWORK_SIGNATURES: readonly Signature[] = [
  signature("SMB", "tcp", [0], isSmb),
  signature("SMB3 encrypted", "tcp", [0], isSmbEncrypted),
  signature("NetBIOS", "tcp", [0x81, 0x82], isNetbiosSession),
  signature("NetBIOS", "udp", undefined, isNetbiosDatagram),
  signature("DHCP", "udp", [1, 2], isDhcp),
  signature("DHCP", "udp", [0], isDhcp),
  signature("DHCPv6", "udp", range(1, 36), isDhcp6),
  signature("NTP", "udp", undefined, isNtp),
  signature("DNS", "udp", undefined, isDns),
  signature("DNS", "tcp", range(0, 8), isDnsStream),
  signature("RADIUS", "udp", [...range(1, 5), 11, 12, 13, ...range(40, 45)], isRadius),
  signature("Diameter", "tcp", [1], isDiameter),
  signature("NFS", "udp", undefined, (b, from, to) => isRpcCallAt(b, from, to, true)),
  signature("ONC RPC", "udp", undefined, (b, from, to) => isRpcCallAt(b, from, to, false)),
  signature("NFS", "tcp", [0x80], (b, from, to) => isRpcCallAt(b, from + 4, to, true)),
  signature("ONC RPC", "tcp", [0x80], (b, from, to) => isRpcCallAt(b, from + 4, to, false)),
  signature("NetFlow", "udp", [0], isNetflow),
  signature("IPFIX", "udp", [0], isIpfix),
  signature("sFlow", "udp", [0], isSflow),
  signature("collectd", "udp", [0], isCollectd),
  signature("GTP", "udp", [...range(0x30, 0x37), ...range(0x40, 0x5f)], isGtp),
  signature("PFCP", "udp", range(0x20, 0x23), isPfcp),
  signature("LDP", "both", [0], isLdp),
  signature("BGP", "tcp", [0xff], isBgp),
  signature("TFTP", "udp", [0], isTftp),
  signature("PTP", "udp", undefined, isPtp),
];

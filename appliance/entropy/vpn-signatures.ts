import { hasText, isZero, onPort, word16, word32 } from "./octets.ts";
import { range, type Signature, signature } from "./signature.ts";

/** WireGuard whitepaper, section 5.4: type 1..4 in a little-endian word; the first three have one size each. */
function isWireGuard(b: Uint8Array, from: number, to: number): boolean {
  const length = to - from;
  if (!isZero(b, from + 1, from + 4)) return false;
  switch (b[from]) {
    case 1:
      return length === 148;
    case 2:
      return length === 92;
    case 3:
      return length === 64;
    default:
      return length >= 32 && length % 16 === 0 && word16(b, from + 12) === 0 && word16(b, from + 14) === 0;
  }
}

/** Tailscale's path discovery starts with the six octets of "TS" and a speech balloon. */
function isTailscale(b: Uint8Array, from: number, to: number): boolean {
  return hasText(b, from, to, "TS\xf0\x9f\x92\xac");
}

/**
 * RFC 2408, section 3.1, and RFC 7296, section 3.1: an initiator's SPI, version 1.0 or 2.x at octet 17, an exchange type, and
 * the length of the message at octet 24.
 */
function isIkeAt(b: Uint8Array, from: number, to: number): boolean {
  const length = to - from;
  if (length < 28 || word32(b, from) === 0) return false;
  const version = b[from + 17] as number;
  const exchange = b[from + 18] as number;
  if (version === 0x10 ? exchange < 1 || (exchange > 6 && exchange < 32) || exchange > 34 : version >> 4 !== 2)
    return false;
  if (version >> 4 === 2 && (exchange < 34 || exchange > 44)) return false;
  return word32(b, from + 24) === length;
}

/** RFC 3948, section 2.2: four octets of zero in front of IKE, where ESP has its SPI. */
function isIkeBehindMarker(b: Uint8Array, from: number, to: number): boolean {
  return word32(b, from) === 0 && isIkeAt(b, from + 4, to);
}

/** RFC 3948, section 2.1: an SPI above the reserved ones (RFC 4303), a sequence number, payload in whole words. */
function isUdpEsp(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  if (!onPort(source, destination, 4500) || to - from < 24) return false;
  return word32(b, from) > 255 && (to - from) % 4 === 0;
}

const SOFT_OR_HARD_RESETS = 0b0101_1000_1110; // opcodes 1, 2, 3, 7, 8, 10
/** HMACs of --tls-auth: MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512. */
const HMAC_BYTES = [16, 20, 28, 32, 48, 64];
const RESET_PLAIN_BYTES = 14;

/**
 * OpenVPN's control channel (doc/doxygen, "network protocol"): opcode in the upper five bits, key id below, session id of 8
 * octets, then either count of acknowledgements (0) and packet id, or, authenticated, [HMAC] packet id, time of the sender. Only a
 * packet that opens a session is taken: key 0, packet id at most 1, or a count of acknowledgements that fits the length.
 */
function isOpenVpnReset(b: Uint8Array, from: number, to: number): boolean {
  const first = b[from] as number;
  const length = to - from;
  if ((first & 7) !== 0 || ((SOFT_OR_HARD_RESETS >> (first >> 3)) & 1) === 0 || length < RESET_PLAIN_BYTES)
    return false;
  if (word32(b, from + 1) === 0 && word32(b, from + 5) === 0) return false;
  const acknowledgements = b[from + 9] as number;
  if (acknowledgements === 0 && length === RESET_PLAIN_BYTES && word32(b, from + 10) === 0) return true;
  if (acknowledgements === 1 && length === RESET_PLAIN_BYTES + 12 && word32(b, from + 10) === 0) return true;
  if (isPacketIdAndTime(b, from + 9, to)) return length >= 54; // --tls-crypt: HMAC of 32 octets behind them
  for (let i = 0; i < HMAC_BYTES.length; i++)
    if (isPacketIdAndTime(b, from + 9 + (HMAC_BYTES[i] as number), to)) return true;
  return false;
}

/** 1 (or 0x0f000001, early negotiation) and a time between 2001 and 2036. */
function isPacketIdAndTime(b: Uint8Array, at: number, to: number): boolean {
  if (at + 13 > to) return false;
  const id = word32(b, at);
  const time = word32(b, at + 4);
  return (id === 1 || id === 0x0f00_0001) && time > 1_000_000_000 && time < 2_100_000_000;
}

/** Over TCP each packet has its length in front. */
function isOpenVpnStream(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const end = from + 2 + word16(b, from);
  if (end > to) return false;
  return isOpenVpnReset(b, from + 2, end) || (end === to && isOpenVpnOnPort(b, from + 2, end, source, destination));
}

/** On OpenVPN's port: a control, acknowledgement or data packet in the middle of a session. */
function isOpenVpnOnPort(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const opcode = (b[from] as number) >> 3;
  return onPort(source, destination, 1194) && to - from >= RESET_PLAIN_BYTES && opcode >= 1 && opcode <= 11;
}

/** RFC 2637, section 2: length, control message, magic cookie. */
function isPptp(b: Uint8Array, from: number, to: number): boolean {
  return to - from >= 12 && word16(b, from + 2) === 1 && word32(b, from + 4) === 0x1a2b3c4d;
}

/** RFC 2661, section 3.1: control messages have length and sequence bits, version 2, and their length. */
function isL2tp(b: Uint8Array, from: number, to: number): boolean {
  return to - from >= 12 && ((b[from + 1] as number) & 0x0f) === 2 && word16(b, from + 2) === to - from;
}

/** RFC 1928, section 3: version 5, and as many methods as the count says. */
function isSocks5(b: Uint8Array, from: number, to: number): boolean {
  const methods = b[from + 1] as number;
  if (methods < 1 || methods !== to - from - 2) return false;
  for (let at = from + 2; at < to; at++) if ((b[at] as number) > 9 && (b[at] as number) < 0x80) return false;
  return true;
}

/** SOCKS 4: connect or bind, port, address, user name that ends with 0 as does the request. */
function isSocks4(b: Uint8Array, from: number, to: number): boolean {
  const command = b[from + 1];
  return (
    to - from >= 9 &&
    to - from < 300 &&
    (command === 1 || command === 2) &&
    b[to - 1] === 0 &&
    word16(b, from + 2) !== 0 &&
    word32(b, from + 4) !== 0
  );
}

/** tinc: "0 NAME 17" and a line end. */
function isTinc(b: Uint8Array, from: number, to: number): boolean {
  return hasText(b, from, to, "0 ") && hasText(b, to - 4, to, " 17\n");
}

/** SoftEther VPN: its watermark request and answers name it. */
function isSoftEther(b: Uint8Array, from: number, to: number): boolean {
  return hasText(b, from, to, "POST /vpnsvc/");
}

/** Virtual private networks and proxies. */
export const VPN_SIGNATURES: readonly Signature[] = [
  signature("WireGuard", "udp", range(1, 4), isWireGuard),
  signature("Tailscale", "udp", [0x54], isTailscale),
  signature("IKE", "udp", [0], isIkeBehindMarker),
  signature("IKE", "both", undefined, isIkeAt),
  signature("OpenVPN", "udp", [0x08, 0x10, 0x18, 0x38, 0x40, 0x50], isOpenVpnReset),
  signature("OpenVPN", "tcp", range(0, 8), isOpenVpnStream),
  signature("PPTP", "tcp", [0], isPptp),
  signature("L2TP", "udp", [0xc8, 0xca, 0xcb], isL2tp),
  signature("SOCKS", "tcp", [5], isSocks5),
  signature("SOCKS", "tcp", [4], isSocks4),
  signature("Tinc", "tcp", [0x30], isTinc),
  signature("SoftEther", "tcp", [0x50], isSoftEther),
];

/** Those that need their port, for the end of the list. */
export const WEAK_VPN_SIGNATURES: readonly Signature[] = [
  signature("ESP", "udp", undefined, isUdpEsp),
  signature("OpenVPN", "udp", range(0x08, 0x5f), isOpenVpnOnPort),
];

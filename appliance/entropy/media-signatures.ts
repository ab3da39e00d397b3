import { isZero, onPort, word16, word32 } from "./octets.ts";
import { range, type Signature, signature } from "./signature.ts";

const RTP_HEADER_BYTES = 12;

/** RFC 8489, section 5: class and method, length in words, magic cookie; or RFC 3489's, with known types and the whole length. */
function isStun(b: Uint8Array, from: number, to: number): boolean {
  const length = word16(b, from + 2);
  if (to - from < 20 || length % 4 !== 0 || length > to - from - 20) return false;
  if (word32(b, from + 4) === 0x2112_a442) return true;
  const method = word16(b, from) & 0xfeef;
  return (
    length === to - from - 20 &&
    (method === 1 || method === 2) &&
    ((b[from] as number) & 0xfe) === 0 &&
    (length === 0 || word16(b, from + 20) <= 0x30)
  );
}

/** The same over TCP, and behind the length of RFC 4571. */
function isStunStream(b: Uint8Array, from: number, to: number): boolean {
  return word32(b, from + 4) === 0x2112_a442 && isStun(b, from, to);
}

/** RFC 8656, section 12.4: channel number, length of the data, padding to words. */
function isChannelData(b: Uint8Array, from: number, to: number): boolean {
  const rest = to - from - 4 - word16(b, from + 2);
  return to - from >= 16 && rest >= 0 && rest < 4 && (b[from] as number) <= 0x4f;
}

/** RFC 3550, section 6.4: version 2, packet types 200..207, length in words; compound packets fill the datagram. */
function isRtcp(b: Uint8Array, from: number, to: number): boolean {
  const type = b[from + 1] as number;
  const end = from + 4 + 4 * word16(b, from + 2);
  return (
    to - from >= 8 &&
    type >= 200 &&
    type <= 207 &&
    end <= to &&
    (end === to || ((b[end] as number) >> 6 === 2 && (b[end + 1] as number) >= 200) || to - end <= 14)
  );
}

/** Octets that codecs of RFC 3551 with a fixed payload type send in 10 ms; 0: none such. */
const OCTETS_IN_10_MS: Readonly<Record<number, number>> = { 0: 80, 8: 80, 9: 80, 18: 10 };

/** RFC 3550, section 5.1: version 2, no padding; a codec whose size is known, or a dynamic type on two even ports. */
function isRtp(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const first = b[from] as number;
  const type = (b[from + 1] as number) & 0x7f;
  const at = from + RTP_HEADER_BYTES + 4 * (first & 15);
  if (at >= to || (first & 0x20) !== 0) return false;
  const octets = (first & 0x10) === 0 ? (OCTETS_IN_10_MS[type] ?? 0) : 0;
  if (octets > 0) return (to - at) % octets === 0 && to - at >= octets && to - at <= 30 * octets;
  if (type < 96 && type !== 31 && type !== 32 && type !== 33 && type !== 34 && type !== 26) return false;
  return (first & 0x1f) === 0 && source % 2 === 0 && destination % 2 === 0 && source > 1023 && destination > 1023;
}

/** RFC 8285, section 4.2: the one-byte header extension of WebRTC, which always encrypts (RFC 8827, section 6.5). */
function isSrtp(b: Uint8Array, from: number, to: number): boolean {
  const at = from + RTP_HEADER_BYTES + 4 * ((b[from] as number) & 15);
  const type = (b[from + 1] as number) & 0x7f;
  if (at + 4 >= to || type < 96 || ((b[from] as number) & 0x10) === 0) return false;
  return (word16(b, at) === 0xbede || word16(b, at) >> 4 === 0x100) && at + 4 + 4 * word16(b, at + 2) <= to;
}

/** RFC 4571, section 2: over TCP behind a length. */
function isRtpStream(b: Uint8Array, from: number, to: number): boolean {
  const length = word16(b, from);
  const type = (b[from + 3] as number) & 0x7f;
  if (length < 13 || length > to - from - 2 || b[from + 2] !== 0x80 || (type > 34 && type < 96)) return false;
  const next = from + 2 + length;
  return next === to || (b[next + 2] === 0x80 && word16(b, next) < 2000);
}

/** Adobe's RTMP, section 5.2.2: version 3, time, four octets of 0, random ones up to 1537 octets. */
function isRtmp(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  return (
    to - from >= 9 &&
    (onPort(source, destination, 1935) || (isZero(b, from + 5, from + 9) && to - from >= 1200)) &&
    to - from > 500
  );
}

/** ISO/IEC 13818-1, section 2.4.3: 188 octets that start with 0x47, whole in a datagram. */
function isMpegTs(b: Uint8Array, from: number, to: number): boolean {
  if ((to - from) % 188 !== 0 || to - from < 188) return false;
  for (let at = from; at < to; at += 188) if (b[at] !== 0x47) return false;
  return true;
}

/** Discord's IP discovery: request or response, 70 octets, an SSRC, an address as text. */
function isDiscord(b: Uint8Array, from: number, to: number): boolean {
  return to - from === 74 && (b[from + 1] === 1 || b[from + 1] === 2) && word16(b, from + 2) === 70;
}

/** Sound, pictures, and how they find their way. */
export const MEDIA_SIGNATURES: readonly Signature[] = [
  signature("STUN", "udp", range(0, 3), isStun),
  signature("STUN", "tcp", range(0, 3), isStunStream),
  signature("Discord", "udp", [0], isDiscord),
  signature("RTCP", "udp", range(0x80, 0xbf), isRtcp),
  signature("SRTP", "udp", range(0x90, 0x9f), isSrtp),
  signature("RTP", "udp", range(0x80, 0xbf), isRtp),
  signature("RTP", "tcp", range(0, 8), isRtpStream),
  signature("RTMP", "tcp", [3], isRtmp),
  signature("MPEG-TS", "both", [0x47], isMpegTs),
  signature("TURN", "udp", range(0x40, 0x4f), isChannelData),
];

import { isFrameChain } from "./audio-frames.ts";
import { type FormatSignature, magic, octetOr, textMagic } from "./format-signature.ts";
import { hasText, word32 } from "./octets.ts";

/** ITU-T T.81, annex B: the marker of a segment follows the one of the start. */
function isJpeg(b: Uint8Array, from: number, to: number): boolean {
  const marker = octetOr(b, from + 3, to, 0xe0);
  return marker >= 0xc0 && marker !== 0xff && (marker < 0xd0 || marker > 0xd9);
}

/** Of the forms of RIFF, those that compress. */
function isRiff(b: Uint8Array, from: number, to: number): boolean {
  return ["WEBP", "AVI ", "ACON", "RMP3"].some((form) => hasText(b, from + 8, to, form));
}

/** The first boxes of ISO/IEC 14496-12, their type behind their length. */
const BOXES: readonly string[] = [
  "ftyp",
  "styp",
  "moov",
  "moof",
  "mdat",
  "sidx",
  "jP  ",
  "JXL ",
  "wide",
  "skip",
  "free",
];

/** MP4, QuickTime, AVIF, HEIC, JPEG 2000 and JPEG XL: a box of a sensible length. */
function isBoxes(b: Uint8Array, from: number, to: number): boolean {
  const length = word32(b, from);
  return to - from >= 8 && (length === 1 || length >= 8) && BOXES.some((type) => hasText(b, from + 4, to, type));
}

/** RFC 3533: version 0, flags for continued, first and last page. */
export function isOgg(b: Uint8Array, from: number, to: number): boolean {
  return octetOr(b, from + 4, to, 0) === 0 && octetOr(b, from + 5, to, 0) <= 7;
}

/** ID3v2: version 2..4, a length of four times seven bits. */
function isId3(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 10) return true;
  const version = b[from + 3] as number;
  return version >= 2 && version <= 4 && (word32(b, from + 6) & 0x8080_8080) === 0;
}

/** Adobe's FLV: version 1, sound, pictures or both, header of nine octets. */
function isFlv(b: Uint8Array, from: number, to: number): boolean {
  return (octetOr(b, from + 4, to, 1) & 0xfa) === 0 && octetOr(b, from + 8, to, 9) === 9;
}

/** WOFF and WOFF2: the flavour of the font. */
function isWoff(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 8) return true;
  return word32(b, from + 4) === 0x0001_0000 || ["OTTO", "true", "ttcf"].some((name) => hasText(b, from + 4, to, name));
}

const TS_PACKET_BYTES = 188;

/** MPEG-TS (ISO/IEC 13818-1): sync octets 188 apart, no transport error, payload or an adaptation field; at least `least` packets. */
export function isTransportStream(b: Uint8Array, from: number, to: number, least: number): boolean {
  if (to - from <= (least - 1) * TS_PACKET_BYTES) return false;
  for (let at = from; at < to; at += TS_PACKET_BYTES)
    if (b[at] !== 0x47 || (octetOr(b, at + 1, to, 0) & 0x80) !== 0 || (octetOr(b, at + 3, to, 0x10) & 0x30) === 0)
      return false;
  return true;
}

/** Pictures, sound, films and fonts, compressed. */
export const MEDIA_FORMATS: readonly FormatSignature[] = [
  magic("89504e470d0a1a0a"), // PNG
  magic("8a4d4e470d0a1a0a"), // MNG
  magic("ffd8ff", isJpeg),
  textMagic("GIF87a"),
  textMagic("GIF89a"),
  textMagic("RIFF", isRiff),
  { first: [0, 1], matches: isBoxes },
  magic("ff4fff51"), // JPEG 2000's code stream
  magic("425047fb"), // BPG
  textMagic("AT&TFORM"), // DjVu
  textMagic("wOFF", isWoff),
  textMagic("wOF2", isWoff),
  textMagic("fLaC"),
  textMagic("OggS", isOgg),
  textMagic("ID3", isId3),
  { first: [0xff], matches: (b, from, to) => to - from > 11 && isFrameChain(b, from, to, 2) },
  { first: [0x47], matches: (b, from, to) => isTransportStream(b, from, to, 3) },
  magic("1a45dfa3"), // Matroska, WebM
  magic("000001ba"), // MPEG programme stream
  magic("000001b3"), // MPEG video
  magic("0000000167"), // H.264, its parameters first
  magic("000000016742"),
  magic("3026b2758e66cf11"), // ASF
  textMagic("FLV\u0001", isFlv),
  textMagic(".RMF\0\0\0"), // RealMedia
  textMagic("DKIF\0\0"), // IVF
  textMagic("wvpk"), // WavPack
  textMagic("MAC "), // Monkey's Audio
  textMagic("MPCK"), // Musepack
  textMagic("#!AMR"),
];

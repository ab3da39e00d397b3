import { type FormatSignature, magic, octetOr, textMagic } from "./format-signature.ts";
import { hasText, word16, word24, word32 } from "./octets.ts";

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
function isOgg(b: Uint8Array, from: number, to: number): boolean {
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

export const TS_PACKET_BYTES = 188;

/** MPEG-TS (ISO/IEC 13818-1): sync octets 188 apart, no transport error, the null packet's or a sensible adaptation field. */
function isTransportStream(b: Uint8Array, from: number, to: number): boolean {
  if (to - from <= 2 * TS_PACKET_BYTES) return false;
  for (let at = from; at < to; at += TS_PACKET_BYTES)
    if (b[at] !== 0x47 || (octetOr(b, at + 1, to, 0) & 0x80) !== 0 || (octetOr(b, at + 3, to, 0x10) & 0x30) === 0)
      return false;
  return true;
}

/** Kilobits a second of MPEG audio, by version 1 or else and layer 1..3 (ISO/IEC 11172-3, 13818-3), by index 1..14. */
const KBITS: readonly (readonly number[])[] = [
  [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const MPEG1_HZ: readonly number[] = [44_100, 48_000, 32_000];

/** Octets of the frame of MPEG audio that starts at `at`, where four octets are; 0: none does. */
export function mpegAudioFrameBytes(b: Uint8Array, at: number): number {
  const header = word32(b, at);
  const version = (header >>> 19) & 3;
  const layer = 4 - ((header >>> 17) & 3);
  const rate = (header >>> 12) & 15;
  const frequency = (header >>> 10) & 3;
  if (header >>> 21 !== 0x7ff || version === 1 || layer === 4 || rate === 0 || rate === 15 || frequency === 3) return 0;
  const isMpeg1 = version === 3;
  const hertz = (MPEG1_HZ[frequency] as number) / (isMpeg1 ? 1 : version === 2 ? 2 : 4);
  const bits = 1000 * ((KBITS[(isMpeg1 ? 0 : 3) + layer - 1] as readonly number[])[rate - 1] as number);
  const padding = (header >>> 9) & 1;
  if (layer === 1) return 4 * (Math.floor((12 * bits) / hertz) + padding);
  return Math.floor(((layer === 3 && !isMpeg1 ? 72 : 144) * bits) / hertz) + padding;
}

/** Octets of the ADTS frame of AAC (ISO/IEC 13818-7) that starts at `at`, where seven octets are; 0: none does. */
export function adtsFrameBytes(b: Uint8Array, at: number): number {
  const frequency = ((b[at + 2] as number) >> 2) & 15;
  const length = ((word24(b, at + 3) & 0x3_ffe0) >> 5) | 0;
  return (word16(b, at) & 0xfff6) === 0xfff0 && frequency <= 12 && length > 7 ? length : 0;
}

/** Bits of a frame's header that stay the same from frame to frame: version, layer, sampling frequency. */
const SAME_IN_FRAMES = 0xfffe_0c00;

/** True where a chain of at least `least` whole frames of sound starts at `from`, and goes on to the end of the octets. */
export function isFrameChain(b: Uint8Array, from: number, to: number, least: number): boolean {
  const first = word32(b, from);
  const bytesOf = ((first >>> 17) & 3) === 0 ? adtsFrameBytes : mpegAudioFrameBytes;
  let frames = 0;
  for (let at = from; at + 7 <= to; frames++) {
    const bytes = bytesOf(b, at);
    if (bytes === 0 || ((word32(b, at) ^ first) & SAME_IN_FRAMES) !== 0) return false;
    at += bytes;
  }
  return frames >= least;
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
  { first: [0x47], matches: isTransportStream },
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

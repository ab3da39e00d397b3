import { word16, word24, word32 } from "./octets.ts";

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
function mpegAudioFrameBytes(b: Uint8Array, at: number): number {
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
function adtsFrameBytes(b: Uint8Array, at: number): number {
  const frequency = ((b[at + 2] as number) >> 2) & 15;
  const length = ((word24(b, at + 3) & 0x3_ffe0) >> 5) | 0;
  return (word16(b, at) & 0xfff6) === 0xfff0 && frequency <= 12 && length > 7 ? length : 0;
}

/** Bits of a frame's header that stay the same from frame to frame: version, layer, sampling frequency. */
const SAME_IN_FRAMES = 0xfffe_0c00;

/** True where frames of sound start at `from`, at least `least`, one behind the other to the end of the octets. */
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

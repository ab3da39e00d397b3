import { decodeLatin1 } from "../../core/latin1.ts";

/** What the first octets of a direction (at most 512) say of its content. */
export const FORMAT_NONE = 0;
/** Printable all through. */
export const FORMAT_TEXT = 1;
/** Compressed, or a picture, sound or film that is. */
export const FORMAT_COMPRESSED = 2;
export type Format = number;

/** First octets, in hexadecimal, of formats whose content is compressed. */
const MAGICS: readonly Uint8Array[] = [
  "1f8b08", // gzip, RFC 1952
  "504b0304", // zip
  "89504e470d0a1a0a", // PNG
  "ffd8ff", // JPEG
  "474946383761", // GIF
  "474946383961",
  "425a68", // bzip2
  "fd377a585a00", // xz
  "377abcaf271c", // 7z
  "28b52ffd", // zstd, RFC 8878
  "04224d18", // LZ4 frame
  "526172211a07", // RAR
  "4f676753", // Ogg
  "494433", // MP3 with ID3
  "664c6143", // FLAC
  "1a45dfa3", // Matroska, WebM
  "774f4632", // WOFF2
  "774f4646", // WOFF
  "435753", // compressed SWF
  "4d534346", // CAB
  "5d00008000", // LZMA
  "789c", // zlib, RFC 1950
  "78da",
  "7801",
].map((hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));

/** Header fields of HTTP, lower case, that say that the body is compressed. */
const COMPRESSED_BODY =
  /\ncontent-encoding: *(?:gzip|x-gzip|deflate|br|zstd|compress)|\ncontent-type: *(?:image\/(?!svg)|video\/|audio\/|application\/(?:zip|gzip|x-gzip|x-rar|x-7z|x-xz|x-bzip|octet-stream\+gzip|vnd\.android|java-archive|x-chrome-extension|pdf)|font\/woff)/;

/** Called once for each direction that has payload, never for a packet. */
export function recogniseFormat(bytes: Uint8Array, from: number, to: number): Format {
  if (hasMagic(bytes, from, to)) return FORMAT_COMPRESSED;
  if (isHttpMessage(bytes, from, to)) return recogniseBody(bytes, from, to);
  return isText(bytes, from, to) ? FORMAT_TEXT : FORMAT_NONE;
}

function hasMagic(bytes: Uint8Array, from: number, to: number): boolean {
  return MAGICS.some((magic) => magic.length <= to - from && magic.every((octet, i) => bytes[from + i] === octet));
}

function isHttpMessage(bytes: Uint8Array, from: number, to: number): boolean {
  const first = bytes[from] as number;
  if (to - from < 8 || first < 0x41 || first > 0x5a) return false;
  return /^(?:HTTP\/1\.|[A-Z]{3,10} [/h*])/.test(decodeLatin1(bytes, from, Math.min(to, from + 16)));
}

function recogniseBody(bytes: Uint8Array, from: number, to: number): Format {
  const text = decodeLatin1(bytes, from, to);
  const endOfHeader = text.search(/\r?\n\r?\n/);
  const header = (endOfHeader < 0 ? text : text.slice(0, endOfHeader)).toLowerCase();
  if (COMPRESSED_BODY.test(header)) return FORMAT_COMPRESSED;
  const bodyAt = endOfHeader < 0 ? to : from + text.indexOf("\n", text.indexOf("\n", endOfHeader) + 1) + 1;
  if (bodyAt + 8 <= to && hasMagic(bytes, bodyAt, to)) return FORMAT_COMPRESSED;
  return isText(bytes, from, to) ? FORMAT_TEXT : FORMAT_NONE;
}

function isText(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const c = bytes[i] as number;
    if ((c < 0x20 && c !== 0x09 && c !== 0x0a && c !== 0x0d) || c > 0x7e) return false;
  }
  return to > from;
}

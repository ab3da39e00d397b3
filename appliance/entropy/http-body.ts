import { decodeLatin1 } from "../../core/latin1.ts";

/** Header fields, lower case, that say that the body is compressed. */
const COMPRESSED_BODY =
  /\n(?:content-encoding:[ \t]*(?:gzip|x-gzip|deflate|br|zstd|compress|x-compress)|content-type:[ \t]*(?:image\/(?!svg|bmp|x-ms-bmp|x-portable|x-icon|vnd\.microsoft\.icon)|video\/|audio\/(?!wav|x-wav|l16|basic)|font\/woff|application\/(?:font-woff|zip|gzip|zstd|pdf|ogg|mp4|java-archive|epub\+zip|vnd\.(?:android|rar|openxmlformats|ms-cab|debian)|x-(?:gzip|zip|rar|7z|xz|lzma|lzip|bzip|zstd|rpm|deb|debian|chrome-extension|shockwave|font-woff))))/;
const CHUNKED = /\ntransfer-encoding:[^\n]*chunked/;
/** RFC 9112, section 7.1: the size of a chunk, its extensions. */
const CHUNK_SIZE_LINE = /^[0-9a-f]+[^\n]{0,64}\n/i;

export interface HttpBody {
  /** The header says so. */
  readonly isCompressed: boolean;
  /** Where the first octet of the body is, or would be. */
  readonly at: number;
}

/** Requests and responses of HTTP/1.x. */
export function isHttpMessage(bytes: Uint8Array, from: number, to: number): boolean {
  const first = bytes[from] as number;
  if (to - from < 8 || first < 0x41 || first > 0x5a) return false;
  return /^(?:HTTP\/1\.|[A-Z]{3,10} [/h*])/.test(decodeLatin1(bytes, from, Math.min(to, from + 16)));
}

/** What the header of an HTTP message says of its body. */
export function readHttpBody(bytes: Uint8Array, from: number, to: number): HttpBody {
  const text = decodeLatin1(bytes, from, to);
  const end = /\r?\n\r?\n/.exec(text);
  const header = text.slice(0, end?.index).toLowerCase();
  const at = end === null ? text.length : end.index + end[0].length;
  const sizeLine = CHUNKED.test(header) ? CHUNK_SIZE_LINE.exec(text.slice(at)) : null;
  return { isCompressed: COMPRESSED_BODY.test(header), at: from + at + (sizeLine?.[0].length ?? 0) };
}

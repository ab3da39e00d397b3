import { COMPRESSION_FORMATS, RAW_DEFLATE } from "./compression-formats.ts";
import { CONTAINER_FORMATS } from "./container-formats.ts";
import type { FormatMatcher, FormatSignature } from "./format-signature.ts";
import { isHttpMessage, readHttpBody } from "./http-body.ts";
import { MEDIA_FORMATS } from "./media-formats.ts";
import { isText } from "./octets.ts";

/** What octets of a direction say of its content. */
export const FORMAT_NONE = 0;
/** Printable all through. */
export const FORMAT_TEXT = 1;
/** Compressed, or a picture, sound or film that is. */
export const FORMAT_COMPRESSED = 2;
export type Format = number;

const SIGNATURES: readonly FormatSignature[] = [...COMPRESSION_FORMATS, ...CONTAINER_FORMATS, ...MEDIA_FORMATS];

/** Matchers by the first octet. */
const MATCHERS: readonly (readonly FormatMatcher[])[] = Array.from({ length: 256 }, (_, octet) =>
  SIGNATURES.filter(({ first }) => first.includes(octet)).map(({ matches }) => matches),
);

/** Judges the first octets of a direction, at most 512. Called once for each that has payload, never for a packet. */
export function recogniseFormat(bytes: Uint8Array, from: number, to: number): Format {
  if (from >= to) return FORMAT_NONE;
  if (isCompressed(bytes, from, to)) return FORMAT_COMPRESSED;
  if (isHttpMessage(bytes, from, to)) {
    const body = readHttpBody(bytes, from, to);
    if (body.isCompressed || (body.at < to && isCompressed(bytes, body.at, to))) return FORMAT_COMPRESSED;
  }
  if (isText(bytes, from, to)) return FORMAT_TEXT;
  return RAW_DEFLATE.first.includes(bytes[from] as number) && RAW_DEFLATE.matches(bytes, from, to)
    ? FORMAT_COMPRESSED
    : FORMAT_NONE;
}

function isCompressed(bytes: Uint8Array, from: number, to: number): boolean {
  const matchers = MATCHERS[bytes[from] as number] as readonly FormatMatcher[];
  return matchers.some((matches) => matches(bytes, from, to));
}

import type { ClientHello } from "./client-hello.ts";
import { sha256Hex } from "./tls-digest.ts";

/** TLS over TCP, QUIC, DTLS. */
export type Ja4Transport = "t" | "q" | "d";

const VERSIONS: ReadonlyMap<number, string> = new Map([
  [0x0002, "s2"],
  [0x0300, "s3"],
  [0x0301, "10"],
  [0x0302, "11"],
  [0x0303, "12"],
  [0x0304, "13"],
  [0xfeff, "d1"],
  [0xfefd, "d2"],
  [0xfefc, "d3"],
]);
const UNKNOWN_VERSION = "00";
const NO_ALPN = "00";
const COUNT_MAX = 99;
const HASH_DIGITS = 12;
const NO_HASH = "000000000000";
const EXTENSION_SERVER_NAME = 0x0000;
const EXTENSION_ALPN = 0x0010;

/**
 * Fingerprint of a TLS client, "t13d1516h2_8daaf6152771_e5627efa2ab1": what it offers, in a form that does not depend on
 * where it goes or on an order that clients shuffle.
 * Source: FoxIO, JA4 (technical_details/JA4.md of github.com/FoxIO-LLC/ja4, BSD licence), as of 2025.
 */
export function renderJa4(transport: Ja4Transport, hello: ClientHello): string {
  const suites = hello.cipherSuites.filter(isNotGrease);
  const extensions = hello.extensions.filter(isNotGrease);
  const algorithms = hello.signatureAlgorithms.filter(isNotGrease);
  const server = hello.extensions.includes(EXTENSION_SERVER_NAME) ? "d" : "i";
  const hashed = extensions.filter((type) => type !== EXTENSION_SERVER_NAME && type !== EXTENSION_ALPN);
  return [
    `${transport}${versionOf(hello)}${server}${renderCount(suites)}${renderCount(extensions)}${renderAlpn(hello.alpn)}`,
    suites.length === 0 ? NO_HASH : hashOfOffer(suites, []),
    hashed.length === 0 ? NO_HASH : hashOfOffer(hashed, algorithms),
  ].join("_");
}

/** RFC 8701, section 2: 0x0a0a, 0x1a1a, … 0xfafa. */
function isNotGrease(value: number): boolean {
  return (value & 0x0f0f) !== 0x0a0a || value >>> 8 !== (value & 0xff);
}

/** The highest that is supported; the numbers of DTLS fall as its versions rise (RFC 9147, section 5.3). */
function versionOf(hello: ClientHello): string {
  const supported = hello.supportedVersions.filter(isNotGrease);
  let version = supported[0] ?? hello.version;
  for (const candidate of supported)
    if (isOfDtls(candidate) && isOfDtls(version) ? candidate < version : candidate > version) version = candidate;
  return VERSIONS.get(version) ?? UNKNOWN_VERSION;
}

function isOfDtls(version: number): boolean {
  return version >>> 8 === 0xfe;
}

/** First and last character, or, where one of them is no letter or digit, first and last digit of the name in hexadecimal. */
function renderAlpn(alpn: string | null): string {
  if (alpn === null) return NO_ALPN;
  const first = alpn.charCodeAt(0);
  const last = alpn.charCodeAt(alpn.length - 1);
  if (isAlphanumeric(first) && isAlphanumeric(last)) return String.fromCharCode(first, last);
  return (first >>> 4).toString(16) + (last & 0x0f).toString(16);
}

function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function renderCount(list: readonly number[]): string {
  return String(Math.min(list.length, COUNT_MAX)).padStart(2, "0");
}

/** What few programs offer many sessions do: its hash is looked up. */
const hashes = new Map<string, string>();
const HASHES_MAX = 1024;
/** Longer lists are no program's. */
const KEY_MAX = 256;

/** Of the first list in order of its values, then of the second as it is. */
function hashOfOffer(sorted: readonly number[], ordered: readonly number[]): string {
  if (sorted.length + ordered.length > KEY_MAX) return hashOfLists(sorted, ordered);
  const key = String.fromCharCode(sorted.length, ...sorted, ...ordered);
  let known = hashes.get(key);
  if (known === undefined) {
    known = hashOfLists(sorted, ordered);
    if (hashes.size >= HASHES_MAX) hashes.clear();
    hashes.set(key, known);
  }
  return known;
}

function hashOfLists(sorted: readonly number[], ordered: readonly number[]): string {
  return truncatedHash(renderSorted(sorted) + (ordered.length === 0 ? "" : `_${ordered.map(renderHex).join(",")}`));
}

/** Values of two octets sort as their hexadecimal digits do. */
function renderSorted(list: readonly number[]): string {
  return [...list]
    .sort((a, b) => a - b)
    .map(renderHex)
    .join(",");
}

function renderHex(value: number): string {
  return value.toString(16).padStart(4, "0");
}

function truncatedHash(text: string): string {
  return sha256Hex(text).slice(0, HASH_DIGITS);
}

import type { CapturedStream } from "./streams.ts";

/** Where a fact stands in a capture. */
export interface Evidence {
  readonly frame: number;
  /** The first octets of it: text between quotes, or hexadecimal. */
  readonly octets: string;
}

/** What can be looked for: facts of handshakes as the score names them, and "request". */
export type FactName =
  | "sni"
  | "version"
  | "cipher"
  | "ja4"
  | "cert_serial"
  | "banner"
  | "hassh"
  | "hassh_server"
  | "request";

/** Octets that are shown of what is no text, and of text at most. */
const SHOWN_BYTES = 32;
const SHOWN_TEXT_BYTES = 96;
/** RFC 8446, section 4, and RFC 5246, section 7.4: ClientHello, ServerHello. */
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
/** Of a ServerHello: version and random. */
const FIXED_BYTES = 34;
const SESSION_ID_MAX_BYTES = 32;
/** The extension supported_versions of a ServerHello, and its length (RFC 8446, section 4.2.1). */
const SUPPORTED_VERSIONS = [0x00, 0x2b, 0x00, 0x02];
const KEXINIT = 20;
const COOKIE_BYTES = 16;
/** Version 3 and the tag of the serial number behind it; or a long SEQUENCE and that tag, in a certificate of version 1 (RFC 5280, section 4.1). */
const SERIAL_OF_3 = Buffer.from("a00302010202", "hex");
const HTTP2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HTTP2_HEADER_BYTES = 9;
const HTTP2_HEADERS = 1;

/** Looks for a fact in what the client and the server sent; undefined where it isn't found. */
export function findEvidence(
  name: FactName,
  value: string,
  client: CapturedStream | undefined,
  server: CapturedStream | undefined,
): Evidence | undefined {
  const both = [client, server].flatMap((stream) => (stream === undefined ? [] : [stream]));
  const first = (find: (octets: Buffer) => number | undefined, streams = both, render = renderHex) => {
    for (const stream of streams) {
      const octets = Buffer.from(stream.octets);
      const at = find(octets);
      if (at !== undefined) return { frame: stream.frameAt(at), octets: render(octets.subarray(at)) };
    }
    return undefined;
  };
  const text = () => first((octets) => found(octets.indexOf(value, 0, "latin1")), both, renderLine);
  switch (name) {
    case "sni":
    case "banner":
      return text();
    case "request":
      return text() ?? first(findHttp2Headers);
    case "ja4":
      return first(findClientHello);
    case "version":
      return first((octets) => findVersion(octets, value));
    case "cipher":
      return first((octets) => findCipher(octets, Number(value)));
    case "cert_serial":
      return first((octets) => findSerial(octets, value));
    case "hassh":
      return first(findKexInit, both.slice(0, 1), renderLine);
    case "hassh_server":
      return first(findKexInit, both.slice(1), renderLine);
  }
}

function found(at: number): number | undefined {
  return at < 0 ? undefined : at;
}

function findClientHello(octets: Buffer): number | undefined {
  for (let at = octets.indexOf(22); at >= 0; at = octets.indexOf(22, at + 1))
    if (octets[at + 1] === 3 && octets[at + RECORD_HEADER_BYTES] === CLIENT_HELLO && octets[at + 9] === 3) return at;
  return undefined;
}

/** Offset of the version in a ServerHello, of the cipher suite. */
function findServerHello(octets: Buffer): { version: number; cipher: number } | undefined {
  for (let at = octets.indexOf(SERVER_HELLO); at >= 0; at = octets.indexOf(SERVER_HELLO, at + 1)) {
    const version = at + MESSAGE_HEADER_BYTES;
    const sessionIdBytes = octets[version + FIXED_BYTES] ?? SESSION_ID_MAX_BYTES + 1;
    const isRecord = octets[at - RECORD_HEADER_BYTES] === 22 && octets[at - RECORD_HEADER_BYTES + 1] === 3;
    if (isRecord && octets[version] === 3 && sessionIdBytes <= SESSION_ID_MAX_BYTES)
      return { version, cipher: version + FIXED_BYTES + 1 + sessionIdBytes };
  }
  return undefined;
}

/** Google's QUIC says its version as text; TLS 1.3 in an extension. */
function findVersion(octets: Buffer, value: string): number | undefined {
  if (value.startsWith("Q")) return found(octets.indexOf(value, 0, "latin1"));
  const hello = findServerHello(octets);
  if (hello === undefined) return undefined;
  const extension = octets.indexOf(Buffer.from([...SUPPORTED_VERSIONS, ...versionOctets(value)]), hello.cipher);
  if (extension >= 0) return extension;
  return octets.readUInt16BE(hello.version) === Number(value) ? hello.version : undefined;
}

function versionOctets(value: string): [number, number] {
  return [Number(value) >> 8, Number(value) & 0xff];
}

function findCipher(octets: Buffer, value: number): number | undefined {
  const hello = findServerHello(octets);
  return hello !== undefined && octets.readUInt16BE(hello.cipher) === value ? hello.cipher : undefined;
}

/** From the tag of the serial number on. */
function findSerial(octets: Buffer, value: string): number | undefined {
  const digits = Buffer.from(value.length % 2 === 0 ? value : `0${value}`, "hex");
  const serial = (digits[0] as number) < 0x80 ? digits : Buffer.concat([Buffer.of(0), digits]);
  const at = octets.indexOf(Buffer.concat([SERIAL_OF_3, Buffer.of(serial.length), serial]));
  if (at >= 0) return at + SERIAL_OF_3.length - 1;
  const integer = Buffer.concat([Buffer.of(2, serial.length), serial]);
  for (let tag = octets.indexOf(integer); tag >= 0; tag = octets.indexOf(integer, tag + 1))
    if (octets[tag - 4] === 0x30 && octets[tag - 3] === 0x82) return tag;
  return undefined;
}

/** The name-lists of a KEXINIT (RFC 4253, section 7.1), behind its cookie. */
function findKexInit(octets: Buffer): number | undefined {
  for (let at = octets.indexOf(KEXINIT); at >= 0; at = octets.indexOf(KEXINIT, at + 1)) {
    const list = at + 1 + COOKIE_BYTES;
    const text = octets.toString("latin1", list + 4, list + 4 + 8);
    if (octets[list] === 0 && octets[list + 1] === 0 && /^[a-z][a-z0-9-]{7}$/.test(text)) return list + 4;
  }
  return undefined;
}

/** The header block of the first HEADERS frame of a client (RFC 9113, sections 3.4, 4.1 and 6.2). */
function findHttp2Headers(octets: Buffer): number | undefined {
  const preface = octets.indexOf(HTTP2_PREFACE, 0, "latin1");
  if (preface < 0) return undefined;
  let at = preface + HTTP2_PREFACE.length;
  while (at + HTTP2_HEADER_BYTES <= octets.length) {
    if (octets[at + 3] === HTTP2_HEADERS) return at;
    at += HTTP2_HEADER_BYTES + octets.readUIntBE(at, 3);
  }
  return undefined;
}

function renderHex(octets: Buffer): string {
  return octets.toString("hex", 0, SHOWN_BYTES).replace(/(.{8})(?=.)/g, "$1 ");
}

/** What is printable, up to the end of its line. */
function renderLine(octets: Buffer): string {
  return `"${octets.toString("latin1", 0, SHOWN_TEXT_BYTES).replace(/[^\x20-\x7e].*$/s, "")}"`;
}

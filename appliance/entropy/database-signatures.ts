import { hasText, isDigit, isTextOctet, isZero, onPort, word16, word24, word32, word32Little } from "./octets.ts";
import { range, type Signature, signature } from "./signature.ts";

const POSTGRES_TYPES = "RSKZTDCEINtpQPBHXdcfAGWv123nsFVO";

/** PostgreSQL's start-up, SSL, GSS and cancel requests: the length of the whole, then a version or a code. */
function isPostgresStart(b: Uint8Array, from: number, to: number): boolean {
  if (to - from < 8 || word32(b, from) !== to - from) return false;
  const code = word32(b, from + 4);
  return code === 0x0003_0000 || code === 0x0002_0000 || (code >= 80_877_102 && code <= 80_877_104);
}

/** Messages of a letter and a length each, whole up to the end; one alone only on PostgreSQL's port. */
function isPostgresMessages(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  let at = from;
  let messages = 0;
  while (at + 5 <= to && messages < 8) {
    const length = word32(b, at + 1);
    if (length < 4 || length > 65_536 || !POSTGRES_TYPES.includes(String.fromCharCode(b[at] as number))) return false;
    at += 1 + length;
    messages++;
  }
  return at === to && messages >= (onPort(source, destination, 5432) ? 1 : 2);
}

/** MySQL's greeting: length in three octets, sequence 0, version 10, text of the version. */
function isMysqlGreeting(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 20 && b[from + 3] === 0 && b[from + 4] === 10 && isDigit(b[from + 5] as number) && b[from + 2] === 0
  );
}

/** MySQL's login: sequence 1, length of the whole, 23 octets of 0 behind the character set. */
function isMysqlLogin(b: Uint8Array, from: number, to: number): boolean {
  const length = word32Little(b, from) & 0xff_ffff;
  return b[from + 3] === 1 && to - from >= 36 && length <= to - from - 4 && isZero(b, from + 13, from + 32);
}

/** MySQL's commands on its port: sequence 0, one octet of command. */
function isMysqlCommand(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const length = word32Little(b, from) & 0xff_ffff;
  return onPort(source, destination, 3306) && (b[from + 3] as number) < 4 && length > 0 && length <= to - from - 4;
}

/** MS-TDS, section 2.2.3.1: type, status, length, channel, packet number, window 0. */
function isTds(b: Uint8Array, from: number, to: number): boolean {
  const length = word16(b, from + 2);
  return (
    to - from >= 8 &&
    ((b[from + 1] as number) & 0xe4) === 0 &&
    length >= 8 &&
    length <= 32_768 &&
    b[from + 7] === 0 &&
    (length === to - from || ((b[from + 6] as number) <= 1 && b[from + 4] === 0))
  );
}

/** Oracle's TNS: length, checksum 0, a type, reserved 0; or a length of four octets. */
function isTns(b: Uint8Array, from: number, to: number): boolean {
  const type = b[from + 4] as number;
  if (to - from < 8 || type < 1 || type > 19 || word16(b, from + 6) !== 0 || (b[from + 5] as number) > 0x20)
    return false;
  return (word16(b, from) === to - from && word16(b, from + 2) === 0) || word32(b, from) === to - from;
}

/** MongoDB's wire protocol: length, two ids, an operation. */
function isMongo(b: Uint8Array, from: number, to: number): boolean {
  const operation = word32Little(b, from + 12);
  return (
    to - from >= 21 &&
    word32Little(b, from) >= 16 &&
    word32Little(b, from) <= 48_000_000 &&
    ((operation === 1 && word32Little(b, from) === to - from) || (operation >= 2001 && operation <= 2013))
  );
}

/** Cassandra's native protocol: version 1..5, flags, stream, opcode, length. */
function isCassandra(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 9 &&
    (b[from + 1] as number) < 0x20 &&
    (b[from + 4] as number) <= 0x10 &&
    word32(b, from + 5) === to - from - 9
  );
}

/** Memcached's binary protocol: magic, opcode, key length; the length of the body. */
function isMemcachedBinary(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 24 && (b[from + 1] as number) <= 0x50 && b[from + 5] === 0 && word32(b, from + 8) === to - from - 24
  );
}

function isMemcachedCommand(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const at = onPort(source, destination, 11_211) ? from : to;
  return ["get ", "gets ", "set ", "add ", "delete ", "incr "].some(
    (word) => hasText(b, at, to, word) || hasText(b, at + 8, to, word),
  );
}

/** Kafka's requests: length, key of the interface, its version, correlation, client's name. */
function isKafkaRequest(b: Uint8Array, from: number, to: number): boolean {
  const nameBytes = word16(b, from + 12);
  if (
    to - from < 16 ||
    word32(b, from) < 10 ||
    word32(b, from) > 104_857_600 ||
    word16(b, from + 4) > 90 ||
    word16(b, from + 6) > 20
  )
    return false;
  if (nameBytes < 2 || nameBytes > 200 || from + 14 + nameBytes > to) return false;
  for (let at = from + 14; at < from + 14 + nameBytes; at++) if (!isTextOctet(b[at] as number)) return false;
  return true;
}

function isKafkaResponse(b: Uint8Array, from: number, to: number, source: number): boolean {
  return source === 9092 && to - from >= 8 && word32(b, from) === to - from - 4;
}

/** FastCGI, section 3.3: version 1, type, request, lengths, reserved 0. */
function isFastCgi(b: Uint8Array, from: number, to: number): boolean {
  const type = b[from + 1] as number;
  return (
    to - from >= 8 &&
    type >= 1 &&
    type <= 11 &&
    word16(b, from + 2) <= 16 &&
    b[from + 7] === 0 &&
    (b[from + 6] as number) < 8 &&
    (type !== 1 || word16(b, from + 4) === 8)
  );
}

/** AJP 1.3: 0x1234 or "AB", length. */
function isAjp(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 5 &&
    (word16(b, from) === 0x1234 || hasText(b, from, to, "AB")) &&
    word16(b, from + 2) === to - from - 4
  );
}

/** Databases, and what stands in front of them. */
export const DATABASE_SIGNATURES: readonly Signature[] = [
  signature("PostgreSQL", "tcp", [0], isPostgresStart),
  signature(
    "PostgreSQL",
    "tcp",
    Array.from(POSTGRES_TYPES, (letter) => letter.charCodeAt(0)),
    isPostgresMessages,
  ),
  signature("MySQL", "tcp", undefined, isMysqlGreeting),
  signature("MySQL", "tcp", undefined, isMysqlLogin),
  signature("TDS", "tcp", [1, 2, 3, 4, 6, 7, 14, 16, 17, 18], isTds),
  signature("Oracle TNS", "tcp", range(0, 0x20), isTns),
  signature("MongoDB", "tcp", undefined, isMongo),
  signature("Cassandra", "tcp", [1, 2, 3, 4, 5, 0x81, 0x82, 0x83, 0x84, 0x85], isCassandra),
  signature("Memcached", "both", [0x80, 0x81], isMemcachedBinary),
  signature("Memcached", "both", undefined, isMemcachedCommand),
  signature("Kafka", "tcp", [0], isKafkaRequest),
  signature("Kafka", "tcp", [0], isKafkaResponse),
  signature("FastCGI", "tcp", [1], isFastCgi),
  signature("AJP", "tcp", [0x12, 0x41], isAjp),
  signature("MySQL", "tcp", undefined, isMysqlCommand),
  signature(
    "OpenFlow",
    "tcp",
    range(1, 6),
    (b, from, to) =>
      to - from >= 8 && (b[from + 1] as number) <= 35 && word16(b, from + 2) === to - from && word24(b, from + 4) === 0,
  ),
];

import { hasText, onPort, word16, word16Little, word32, word32Little } from "./octets.ts";
import { range, type Signature, signature } from "./signature.ts";

/** RFC 1006, section 6: TPKT version 3, reserved 0, length; X.224: a length that fits, a type. */
function isTpkt(b: Uint8Array, from: number, to: number): boolean {
  const length = word16(b, from + 2);
  if (to - from < 7 || b[from + 1] !== 0 || length < 7 || length > to - from) return false;
  const type = (b[from + 5] as number) & 0xf0;
  return (
    (b[from + 4] as number) <= length - 5 &&
    (type === 0xe0 || type === 0xd0 || type === 0xf0 || type === 0x80 || type === 0x70)
  );
}

function isDataOfTpkt(b: Uint8Array, from: number, to: number): boolean {
  return isTpkt(b, from, to) && b[from + 5] === 0xf0 && to - from >= 8;
}

/** ITU-T Q.931, section 4: protocol discriminator 8, call reference of two octets, behind TPKT without X.224. */
function isH323(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 9 && b[from + 1] === 0 && word16(b, from + 2) <= to - from && b[from + 4] === 8 && b[from + 5] === 2
  );
}

/** MODBUS messaging on TCP/IP, section 3.1.3: protocol 0, length of the rest, function. */
function isModbus(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const length = word16(b, from + 4);
  if (to - from < 8 || word16(b, from + 2) !== 0 || length < 2 || length > 254 || from + 6 + length > to) return false;
  const code = (b[from + 7] as number) & 0x7f;
  return (code >= 1 && code <= 24) || code === 43 || code === 90
    ? onPort(source, destination, 502) || from + 6 + length === to
    : false;
}

/** IEEE 1815, section 9.2.4: 0x05 0x64, a length of at least 5. */
function isDnp3(b: Uint8Array, from: number, to: number): boolean {
  return to - from >= 10 && b[from + 1] === 0x64 && (b[from + 2] as number) >= 5;
}

/** ASHRAE 135, annex J: BACnet/IP, function, length of the whole. */
function isBacnet(b: Uint8Array, from: number, to: number): boolean {
  return (b[from + 1] as number) <= 0x0c && word16(b, from + 2) === to - from;
}

/** IEC 60870-5-104, section 5: 0x68, a length that holds the control field, frames up to the end. */
function isIec104(b: Uint8Array, from: number, to: number): boolean {
  let at = from;
  while (at + 6 <= to && b[at] === 0x68 && (b[at + 1] as number) >= 4) at += 2 + (b[at + 1] as number);
  return at === to;
}

/** IEEE C37.118.2, section 6.2: sync 0xAA, kind and version, size of the frame. */
function isSynchrophasor(b: Uint8Array, from: number, to: number): boolean {
  const kind = b[from + 1] as number;
  const size = word16(b, from + 2);
  return kind >> 4 <= 5 && (kind & 15) >= 1 && (kind & 15) <= 3 && size >= 16 && size <= to - from;
}

/** CIP volume 2, section 2-3: command, length of the data, session, status, context, options 0. */
function isEthernetIp(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 24 &&
    b[from + 1] === 0 &&
    word16Little(b, from + 2) === to - from - 24 &&
    word32(b, from + 20) === 0 &&
    word32Little(b, from + 8) < 0x100
  );
}

/** OPC 10000-6, section 7.1.2: type of three letters, F, C or A, length of the message. */
function isOpcUa(b: Uint8Array, from: number, to: number): boolean {
  const known = ["HELF", "ACKF", "OPNF", "MSGF", "MSGC", "CLOF", "ERRF"].some((word) => hasText(b, from, to, word));
  return known && word32Little(b, from + 4) <= 1_048_576;
}

/** Beckhoff's AMS over TCP: reserved 0, length of the rest. */
function isAds(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 38 &&
    b[from + 1] === 0 &&
    word32Little(b, from + 2) === to - from - 6 &&
    word32Little(b, from + 26) <= to - from
  );
}

/** Omron's FINS over UDP: information field, reserved 0, gateway count. */
function isFins(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 12 &&
    b[from + 1] === 0 &&
    (b[from + 2] as number) <= 7 &&
    (b[from + 10] as number) <= 0x30 &&
    (b[from + 10] as number) >= 1 &&
    b[from + 5] === 0
  );
}

/** ISO 22510, KNXnet/IP: header of 6 octets, version 1.0, a service, length of the whole. */
function isKnx(b: Uint8Array, from: number, to: number): boolean {
  return b[from + 1] === 0x10 && word16(b, from + 4) === to - from && (b[from + 2] as number) <= 0x0f;
}

/** RFC 7252, section 3: version 1, token of at most 8, a code that there is; on its port. */
function isCoap(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const code = b[from + 1] as number;
  return (
    onPort(source, destination, 5683) &&
    to - from >= 4 &&
    ((b[from] as number) & 15) <= 8 &&
    ((code & 0x1f) <= 8 || code >= 0x80) &&
    code >> 5 <= 5
  );
}

/** AUTOSAR SOME/IP, section 4.1.2: length from the request id on, protocol version 1, message type. */
function isSomeIp(b: Uint8Array, from: number, to: number): boolean {
  const type = (b[from + 14] as number) & 0xdf;
  return (
    to - from >= 16 &&
    word32(b, from + 4) <= to - from - 8 &&
    word32(b, from + 4) >= 8 &&
    b[from + 12] === 1 &&
    (type <= 2 || type === 0x80 || type === 0x81) &&
    (b[from + 15] as number) <= 0x0f
  );
}

/** IEC 62056-46, section 6.4: HDLC frame of type 3, its length, flags at both ends; or the wrapper of 62056-47. */
function isDlms(b: Uint8Array, from: number, to: number): boolean {
  if (b[from] === 0x7e)
    return (
      b[to - 1] === 0x7e && ((b[from + 1] as number) & 0xf0) === 0xa0 && (word16(b, from + 1) & 0x7ff) <= to - from - 2
    );
  return to - from >= 8 && word16(b, from) === 1 && word16(b, from + 6) === to - from - 8 && word16(b, from + 2) !== 0;
}

/** FieldComm's HART-IP: version 1, type, id, status, sequence, length. */
function isHartIp(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 8 && (b[from + 1] as number) <= 2 && (b[from + 2] as number) <= 3 && word16(b, from + 6) === to - from
  );
}

/** Control of machines and buildings. */
export const CONTROL_SIGNATURES: readonly Signature[] = [
  signature("S7comm", "tcp", [3], (b, from, to) => isDataOfTpkt(b, from, to) && b[from + 7] === 0x32),
  signature("S7comm-plus", "tcp", [3], (b, from, to) => isDataOfTpkt(b, from, to) && b[from + 7] === 0x72),
  signature("H.323", "tcp", [3], isH323),
  signature("COTP", "tcp", [3], isTpkt),
  signature("DNP3", "both", [5], isDnp3),
  signature("BACnet", "udp", [0x81], isBacnet),
  signature("IEC 60870-5-104", "tcp", [0x68], isIec104),
  signature("IEEE C37.118", "both", [0xaa], isSynchrophasor),
  signature("EtherNet/IP", "both", [4, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70], isEthernetIp),
  signature("OPC UA", "tcp", [0x48, 0x41, 0x4f, 0x4d, 0x43, 0x45], isOpcUa),
  signature("ADS", "tcp", [0], isAds),
  signature("FINS", "udp", [0x80, 0x81, 0xc0, 0xc1], isFins),
  signature("KNXnet/IP", "both", [6], isKnx),
  signature("CoAP", "udp", range(0x40, 0x7f), isCoap),
  signature("DLMS", "both", [0, 0x7e], isDlms),
  signature("SOME/IP", "both", undefined, isSomeIp),
  signature("HART-IP", "both", [1], isHartIp),
  signature("Modbus", "tcp", undefined, isModbus),
];

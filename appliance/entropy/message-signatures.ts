import { hasText, isZero, onPort, word16, word32, word32Little } from "./octets.ts";
import { range, type Signature, signature } from "./signature.ts";

/** MQTT 3.1.1 and 5, section 3.1: CONNECT names the protocol; CONNACK has two or more octets; others only on its port. */
function isMqtt(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  const first = b[from] as number;
  let at = from + 1;
  while (at < from + 4 && ((b[at] as number) & 0x80) !== 0) at++;
  at++;
  if (first === 0x10) return hasText(b, at, to, "\0\x04MQTT") || hasText(b, at, to, "\0\x06MQIsdp");
  return (
    (onPort(source, destination, 1883) || (first === 0x20 && b[from + 1] === 2 && to - from === 4)) &&
    (b[from + 1] as number) <= Math.max(0x7f, to - from)
  );
}

/** AMQP 0-9-1, section 2.3.5: type, channel, size, and 0xCE at the end of the frame. */
function isAmqpFrame(b: Uint8Array, from: number, to: number): boolean {
  const end = from + 7 + word32(b, from + 3);
  return to - from >= 8 && end < to && b[end] === 0xce;
}

/** The same on its port where a frame is cut. */
function isAmqpOnPort(b: Uint8Array, from: number, to: number, source: number, destination: number): boolean {
  return onPort(source, destination, 5672) && to - from >= 8 && word32(b, from + 3) <= 131_072;
}

/** OpenWire's WireFormatInfo: length, type 1, "ActiveMQ". */
function isOpenWire(b: Uint8Array, from: number, to: number): boolean {
  return b[from + 4] === 1 && hasText(b, from + 5, to, "ActiveMQ");
}

/** Skinny: length, version (0 or 17 and up), message; least significant octet first. */
function isSkinny(b: Uint8Array, from: number, to: number): boolean {
  const length = word32Little(b, from);
  const version = word32Little(b, from + 4);
  return (
    to - from >= 12 &&
    length >= 4 &&
    length <= 4096 &&
    length <= to - from - 8 &&
    (version === 0 || (version >= 0x11 && version <= 0x20)) &&
    word32Little(b, from + 8) < 0x400
  );
}

/** SMPP 3.4, section 2.1: length, command, status, sequence. */
function isSmpp(b: Uint8Array, from: number, to: number): boolean {
  const command = word32(b, from + 4) % 0x8000_0000;
  return (
    to - from >= 16 &&
    word32(b, from) === to - from &&
    command >= 1 &&
    command <= 0x103 &&
    word32(b, from + 8) < 0x500 &&
    word32(b, from + 12) < 0x1_0000
  );
}

/** eDonkey: magic, length least significant octet first. */
function isEdonkey(b: Uint8Array, from: number, to: number): boolean {
  return to - from >= 6 && word32Little(b, from + 1) === to - from - 5;
}

/** DICOM PS3.8, section 9.3.2: A-ASSOCIATE, reserved 0, length, version 1. */
function isDicom(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 74 &&
    b[from + 1] === 0 &&
    word32(b, from + 2) >= 68 &&
    word16(b, from + 6) === 1 &&
    word16(b, from + 8) === 0
  );
}

/** RFC 9113, section 3.4: SETTINGS on stream 0 in whole entries opens HTTP/2. */
function isHttp2Settings(b: Uint8Array, from: number, to: number): boolean {
  return (
    to - from >= 9 &&
    b[from + 1] === 0 &&
    b[from + 3] === 4 &&
    (b[from + 4] as number) <= 1 &&
    isZero(b, from + 5, from + 9) &&
    (b[from + 2] as number) % 6 === 0
  );
}

/** Apache Thrift's strict binary protocol, framed or not: version 0x8001, a type, the length of a name. */
function isThrift(b: Uint8Array, from: number, to: number): boolean {
  const at = b[from] === 0x80 ? from : from + 4;
  const type = b[at + 3] as number;
  return (
    to - at >= 12 &&
    word16(b, at) === 0x8001 &&
    b[at + 2] === 0 &&
    type >= 1 &&
    type <= 4 &&
    word32(b, at + 4) < to - at
  );
}

/** RakNet's magic behind a message id, or behind it and a time. */
function isRakNet(b: Uint8Array, from: number, to: number): boolean {
  const magic = "\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";
  return hasText(b, from + 1, to, magic) || hasText(b, from + 9, to, magic) || hasText(b, from + 17, to, magic);
}

/** Protocols of messages between programs or people. */
export const MESSAGE_SIGNATURES: readonly Signature[] = [
  signature("MQTT", "tcp", range(0x10, 0xe0), isMqtt),
  signature("AMQP", "tcp", [1, 2, 3, 8], isAmqpFrame),
  signature("AMQP", "tcp", [1, 2, 3, 8], isAmqpOnPort),
  signature("OpenWire", "tcp", [0], isOpenWire),
  signature("SMPP", "tcp", [0], isSmpp),
  signature("HTTP/2", "tcp", [0], isHttp2Settings),
  signature("Thrift", "tcp", [0, 0x80], isThrift),
  signature("Skinny", "tcp", undefined, isSkinny),
  signature("eDonkey", "tcp", [0xe3, 0xc5, 0xd4], isEdonkey),
  signature("DICOM", "tcp", [1, 2], isDicom),
  signature("RakNet", "udp", [1, 2, 5, 6, 7, 8, 0x1c], isRakNet),
];

import { DONE, type Layer, MALFORMED, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const SCTP_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 4;
const CHUNKS_MAX = 64;
const DATA = 0;
const DATA_HEADER_BYTES = 16;
const I_DATA = 64;
const I_DATA_HEADER_BYTES = 20;
const DCCP_HEADER_MIN_BYTES = 12;

/** RFC 9260, section 3: ports, tag, checksum, chunks padded to 4. Payload is the user data of the first DATA or I-DATA chunk (RFC 8260). */
export function decodeSctp(packet: Packet): Layer {
  if (!readPorts(packet)) return TRUNCATED;
  if (!packet.has(SCTP_HEADER_BYTES)) return cutHeader(packet);
  packet.skip(SCTP_HEADER_BYTES);
  for (let i = 0; i < CHUNKS_MAX && packet.wireBytes() > 0; i++) {
    if (!packet.has(CHUNK_HEADER_BYTES)) return cutHeader(packet);
    const type = packet.uint8At(0);
    const chunkBytes = packet.uint16At(2);
    const headerBytes = type === DATA ? DATA_HEADER_BYTES : type === I_DATA ? I_DATA_HEADER_BYTES : CHUNK_HEADER_BYTES;
    if (chunkBytes < headerBytes) return noPayload(packet, MALFORMED);
    if (headerBytes === CHUNK_HEADER_BYTES) packet.skip((chunkBytes + 3) & ~3);
    else {
      packet.limit(chunkBytes);
      if (!packet.has(headerBytes)) return cutHeader(packet);
      packet.skip(headerBytes);
      packet.markPayload();
      return DONE;
    }
  }
  return noPayload(packet, packet.offset > packet.end ? TRUNCATED : DONE);
}

/** RFC 4340, section 5.1: ports, then the offset of the data in words of 4. */
export function decodeDccp(packet: Packet): Layer {
  if (!readPorts(packet)) return TRUNCATED;
  if (!packet.has(DCCP_HEADER_MIN_BYTES)) return cutHeader(packet);
  const headerBytes = packet.uint8At(4) * 4;
  if (headerBytes < DCCP_HEADER_MIN_BYTES || headerBytes > packet.wireBytes()) return noPayload(packet, MALFORMED);
  packet.skip(headerBytes);
  packet.markPayload();
  return packet.offset > packet.end ? TRUNCATED : DONE;
}

function readPorts(packet: Packet): boolean {
  if (!packet.has(4)) return false;
  packet.sourcePort = packet.uint16At(0);
  packet.destinationPort = packet.uint16At(2);
  return true;
}

function cutHeader(packet: Packet): Layer {
  packet.skip(Math.max(0, packet.capturedBytes()));
  return noPayload(packet, TRUNCATED);
}

function noPayload(packet: Packet, layer: Layer): Layer {
  packet.payloadAt = packet.offset;
  packet.payloadEnd = packet.offset;
  packet.payloadWireBytes = 0;
  return layer;
}

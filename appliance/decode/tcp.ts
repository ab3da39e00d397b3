import { DONE, type Layer, MALFORMED, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const HEADER_BYTES = 20;

/** RFC 9293, section 3.1. Of a header that was cut off, the ports and what else is there are kept. */
export function decodeTcp(packet: Packet): Layer {
  if (!packet.has(4)) return TRUNCATED;
  packet.sourcePort = packet.uint16At(0);
  packet.destinationPort = packet.uint16At(2);
  if (!packet.has(HEADER_BYTES)) {
    packet.skip(packet.capturedBytes());
    packet.markPayload();
    packet.payloadWireBytes = 0;
    return TRUNCATED;
  }
  packet.tcpSequence = packet.int32At(4);
  packet.tcpAcknowledgment = packet.int32At(8);
  packet.tcpFlags = packet.uint8At(13);
  const headerBytes = (packet.uint8At(12) >> 4) * 4;
  if (headerBytes < HEADER_BYTES || headerBytes > packet.wireBytes()) {
    packet.skip(HEADER_BYTES);
    packet.markPayload();
    packet.payloadEnd = packet.payloadAt;
    packet.payloadWireBytes = 0;
    return MALFORMED;
  }
  packet.skip(headerBytes);
  packet.markPayload();
  return packet.offset > packet.end ? TRUNCATED : DONE;
}

import { layerOfProtocol } from "./ip-protocol.ts";
import { DONE, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const ESP_HEADER_BYTES = 8;
const AUTHENTICATION_HEADER_BYTES = 12;

/** RFC 4303, section 2: SPI and sequence number are in clear, what follows is payload. */
export function decodeEsp(packet: Packet): Layer {
  if (!packet.has(ESP_HEADER_BYTES)) return TRUNCATED;
  packet.skip(ESP_HEADER_BYTES);
  packet.markPayload();
  return DONE;
}

/** RFC 4302, section 2: next header, length in words of 4 less 2. */
export function decodeAuthenticationHeader(packet: Packet): Layer {
  if (!packet.has(AUTHENTICATION_HEADER_BYTES)) return TRUNCATED;
  const headerBytes = (packet.uint8At(1) + 2) * 4;
  const protocol = packet.uint8At(0);
  if (!packet.has(headerBytes)) return TRUNCATED;
  packet.protocol = protocol;
  packet.skip(headerBytes);
  packet.markPayload();
  return layerOfProtocol(protocol);
}

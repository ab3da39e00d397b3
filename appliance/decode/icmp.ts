import { DONE, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const HEADER_BYTES = 8;

/** RFC 792 and RFC 4443: type, code, checksum and four octets more; what follows is payload. The quoted packet is not decoded. */
export function decodeIcmp(packet: Packet): Layer {
  if (!packet.has(HEADER_BYTES)) return TRUNCATED;
  packet.skip(HEADER_BYTES);
  packet.markPayload();
  return DONE;
}

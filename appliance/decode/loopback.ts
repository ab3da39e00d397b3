import { DONE, IPV4, IPV6, type Layer, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const LOOPBACK_HEADER_BYTES = 4;

/**
 * LINKTYPE_NULL and LINKTYPE_LOOP of tcpdump.org: the address family of the host that captured, in its byte order or in
 * network order. AF_INET is 2 everywhere; AF_INET6 is 10, 23, 24, 28 or 30. All are below 256, so one octet of the four tells.
 */
export function decodeLoopback(packet: Packet): Layer {
  if (!packet.has(LOOPBACK_HEADER_BYTES)) return TRUNCATED;
  const family = packet.uint8At(0) | packet.uint8At(1) | packet.uint8At(2) | packet.uint8At(3);
  packet.skip(LOOPBACK_HEADER_BYTES);
  switch (family) {
    case 2:
      return IPV4;
    case 10:
    case 23:
    case 24:
    case 28:
    case 30:
      return IPV6;
    default:
      return DONE;
  }
}

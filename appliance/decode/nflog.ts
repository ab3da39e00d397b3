import { DONE, IPV4, IPV6, type Layer, MALFORMED, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const NFLOG_HEADER_BYTES = 4;
const TLV_HEADER_BYTES = 4;
const PAYLOAD_TLV = 9;
const TLVS_MAX = 64;

/** LINKTYPE_NFLOG of tcpdump.org: family, version, resource, then TLVs in host order, padded to 4; type 9 is the packet. */
export function decodeNflog(packet: Packet): Layer {
  if (!packet.has(NFLOG_HEADER_BYTES)) return TRUNCATED;
  const family = packet.uint8At(0);
  packet.skip(NFLOG_HEADER_BYTES);
  for (let i = 0; i < TLVS_MAX; i++) {
    if (!packet.has(TLV_HEADER_BYTES)) return TRUNCATED;
    const lengthBytes = packet.uint8At(0) | (packet.uint8At(1) << 8);
    const type = (packet.uint8At(2) | (packet.uint8At(3) << 8)) & 0x7fff;
    if (lengthBytes < TLV_HEADER_BYTES) return MALFORMED;
    if (type === PAYLOAD_TLV) {
      packet.skip(TLV_HEADER_BYTES);
      packet.limit(lengthBytes - TLV_HEADER_BYTES);
      return family === 2 ? IPV4 : family === 10 ? IPV6 : DONE;
    }
    packet.skip((lengthBytes + 3) & ~3);
  }
  return MALFORMED;
}

import { DONE, ETHERNET, IPV4, IPV6, type Layer, MALFORMED, TRUNCATED } from "./layer.ts";
import { looksLikeEthernet } from "./looks-like.ts";
import type { Packet } from "./packet.ts";

const ENTRY_BYTES = 4;
const LABELS_MAX = 16;
const MAC_ADDRESSES_BYTES = 14;

/**
 * RFC 3032, section 2.1: a stack of labels; bit 8 ends it. What follows isn't named: IP by its first four bits, an Ethernet
 * pseudowire behind a control word whose first four bits are 0 (RFC 4448, section 4.6), or one without.
 */
export function decodeMpls(packet: Packet): Layer {
  for (let i = 0; i < LABELS_MAX; i++) {
    if (!packet.has(ENTRY_BYTES)) return TRUNCATED;
    const bottom = (packet.uint8At(2) & 1) === 1;
    packet.skip(ENTRY_BYTES);
    if (!bottom) continue;
    if (!packet.has(1)) return TRUNCATED;
    switch (packet.uint8At(0) >> 4) {
      case 4:
        return IPV4;
      case 6:
        return IPV6;
      case 0:
        if (looksLikeEthernet(packet, 4)) packet.skip(4);
        return packet.has(MAC_ADDRESSES_BYTES) ? ETHERNET : DONE;
      default:
        return looksLikeEthernet(packet, 0) ? ETHERNET : DONE;
    }
  }
  return MALFORMED;
}

import { DONE, ETHERNET, IP, type Layer, PPP } from "./layer.ts";
import { looksLikeEthernet, looksLikeIp } from "./looks-like.ts";
import type { Packet } from "./packet.ts";

const TYPE = 0x8000;
const LENGTH = 0x4000;
const SEQUENCE = 0x0800;
const OFFSET = 0x0200;
const VERSION_MASK = 0x000f;
const V3_UDP_HEADER_BYTES = 4;
const V3_SESSION_BYTES = 4;
/** A cookie of 0, 4 or 8 octets (RFC 3931, section 4.1), then perhaps a sublayer of 4 (section 4.6). */
const V3_PAYLOAD_AT = [0, 4, 8, 12];

/**
 * L2TP over UDP: a data message of version 2 carries PPP (RFC 2661, section 3.1), or one of version 3 (RFC 3931, section
 * 4.1.2). Anything else on that port stays UDP payload.
 */
export function decodeL2tp(packet: Packet): Layer {
  if (!packet.has(6)) return DONE;
  const flags = packet.uint16At(0);
  if ((flags & TYPE) !== 0) return DONE;
  switch (flags & VERSION_MASK) {
    case 2:
      return decodeV2Data(packet, flags);
    case 3:
      return decodeV3Data(packet, V3_UDP_HEADER_BYTES);
    default:
      return DONE;
  }
}

/** L2TP version 3 over IP: session 0 is control (RFC 3931, section 4.1.1). */
export function decodeL2tpOverIp(packet: Packet): Layer {
  return packet.has(V3_SESSION_BYTES) && packet.int32At(0) !== 0 ? decodeV3Data(packet, 0) : DONE;
}

function decodeV2Data(packet: Packet, flags: number): Layer {
  let headerBytes = 6;
  if ((flags & LENGTH) !== 0) {
    if (packet.uint16At(2) > packet.wireBytes()) return DONE;
    headerBytes += 2;
  }
  if ((flags & SEQUENCE) !== 0) headerBytes += 4;
  if ((flags & OFFSET) !== 0) {
    if (!packet.has(headerBytes + 2)) return DONE;
    headerBytes += 2 + packet.uint16At(headerBytes);
  }
  if (!packet.has(headerBytes)) return DONE;
  if ((flags & LENGTH) !== 0) packet.limit(packet.uint16At(2));
  if (!packet.has(headerBytes)) return DONE;
  packet.skip(headerBytes);
  return PPP;
}

/** What a session carries, and how long its cookie is, was said when it was set up: only what fits tells. */
function decodeV3Data(packet: Packet, sessionAt: number): Layer {
  for (const at of V3_PAYLOAD_AT) {
    const payloadAt = sessionAt + V3_SESSION_BYTES + at;
    if (looksLikeEthernet(packet, payloadAt)) {
      packet.skip(payloadAt);
      return ETHERNET;
    }
    if (looksLikeIp(packet, payloadAt)) {
      packet.skip(payloadAt);
      return IP;
    }
    if (!packet.has(payloadAt + 4)) return DONE;
    const start = packet.uint16At(payloadAt);
    const protocol = packet.uint16At(payloadAt + 2);
    if (start === 0xff03 && (protocol === 0x0021 || protocol === 0x0057)) {
      packet.skip(payloadAt);
      return PPP;
    }
    if (start === 0x0f00 && (protocol === 0x0800 || protocol === 0x86dd)) {
      packet.skip(payloadAt + 4); // Cisco HDLC
      return IP;
    }
  }
  return DONE;
}

import { CAPWAP, DONE, GENEVE, GTP_U, L2TP, type Layer, TEREDO, TRUNCATED, VXLAN, VXLAN_GPE } from "./layer.ts";
import type { Packet } from "./packet.ts";

const HEADER_BYTES = 8;

/**
 * RFC 768. A length of 0 (a jumbogram, RFC 2675) or one under the header's own says nothing: what IP carries counts. The
 * ports that tunnels are known by name the next layer, which checks that it is one.
 */
export function decodeUdp(packet: Packet): Layer {
  if (!packet.has(4)) return TRUNCATED;
  packet.sourcePort = packet.uint16At(0);
  packet.destinationPort = packet.uint16At(2);
  if (!packet.has(HEADER_BYTES)) {
    packet.skip(packet.capturedBytes());
    packet.markPayload();
    packet.payloadWireBytes = 0;
    return TRUNCATED;
  }
  const lengthBytes = packet.uint16At(4);
  if (lengthBytes >= HEADER_BYTES && packet.protocol === 17) packet.limit(lengthBytes);
  packet.skip(HEADER_BYTES);
  packet.markPayload();
  const tunnel = layerOfPort(packet.destinationPort);
  if (tunnel !== DONE) return tunnel;
  const answer = layerOfPort(packet.sourcePort);
  return answer === DONE && looksLikeGtpU(packet) ? GTP_U : answer;
}

/** 3GPP TS 29.281, section 5.1, on any port: version 1, a G-PDU, and a length that is just right. */
function looksLikeGtpU(packet: Packet): boolean {
  return packet.has(16) && (packet.uint16At(0) & 0xf8ff) === 0x30ff && packet.uint16At(2) + 8 === packet.wireBytes();
}

/** IANA service names and port numbers; 8472 is Linux's default for VXLAN from before there was a number. */
function layerOfPort(port: number): Layer {
  switch (port) {
    case 4789:
    case 8472:
      return VXLAN;
    case 4790:
      return VXLAN_GPE;
    case 1701:
      return L2TP;
    case 5247:
      return CAPWAP;
    case 6081:
      return GENEVE;
    case 2152:
      return GTP_U;
    case 3544:
      return TEREDO;
    default:
      return DONE;
  }
}

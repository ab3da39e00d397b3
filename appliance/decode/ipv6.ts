import { layerOfProtocol } from "./ip-protocol.ts";
import { type Layer, MALFORMED, OTHER_TRANSPORT, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const HEADER_BYTES = 40;
const EXTENSIONS_MAX = 16;
/** Offset in octets, two reserved bits, more fragments: RFC 8200, section 4.5. */
const FRAGMENT_MASK = 0xfff9;
const FRAGMENT_OFFSET_MASK = 0xfff8;
const MORE_FRAGMENTS = 1;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const MOBILITY = 135;
const HOST_IDENTITY = 139;
const SHIM6 = 140;

/** RFC 8200, sections 3 and 4: the fixed header, then extension headers. A payload length of 0 may be a jumbogram. */
export function decodeIpv6(packet: Packet): Layer {
  if (!packet.has(HEADER_BYTES)) return TRUNCATED;
  if (packet.uint8At(0) >> 4 !== 6) return MALFORMED;
  const payloadBytes = packet.uint16At(4);
  if (payloadBytes !== 0) packet.limit(HEADER_BYTES + payloadBytes);
  if (payloadBytes + HEADER_BYTES > packet.wireBytes()) packet.truncated = true;
  packet.ipVersion = 6;
  packet.ipBytes = payloadBytes === 0 ? packet.wireBytes() : HEADER_BYTES + payloadBytes;
  packet.protocol = packet.uint8At(6);
  packet.sourceAddressAt = packet.offset + 8;
  packet.destinationAddressAt = packet.offset + 24;
  packet.sourcePort = 0;
  packet.destinationPort = 0;
  packet.tcpFlags = 0;
  packet.laterFragment = false;
  packet.skip(HEADER_BYTES);
  return decodeIpv6Extensions(packet);
}

/** What follows the fixed header. RFC 8200, section 4; the authentication header counts in words of 4 less 2 (RFC 4302, section 2.2). */
export function decodeIpv6Extensions(packet: Packet): Layer {
  for (let i = 0; i < EXTENSIONS_MAX; i++) {
    packet.markPayload();
    switch (packet.protocol) {
      case HOP_BY_HOP:
      case ROUTING:
      case DESTINATION_OPTIONS:
      case MOBILITY:
      case HOST_IDENTITY:
      case SHIM6:
      case FRAGMENT:
      case AUTHENTICATION: {
        if (!packet.has(8)) return TRUNCATED;
        const kind = packet.protocol;
        const length = packet.uint8At(1);
        const extensionBytes = kind === FRAGMENT ? 8 : kind === AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
        const fragment = kind === FRAGMENT ? packet.uint16At(2) & FRAGMENT_MASK : 0;
        packet.protocol = packet.uint8At(0);
        if (!packet.has(extensionBytes)) return TRUNCATED;
        packet.skip(extensionBytes);
        // offset 0 and no more: a datagram in one piece, whatever else has its identification (RFC 6946)
        if (fragment !== 0 && !passFragment(packet, fragment)) return OTHER_TRANSPORT;
        break;
      }
      default:
        return layerOfProtocol(packet.protocol);
    }
  }
  return MALFORMED;
}

/** As for IPv4; the identification is in the header that was just skipped. */
function passFragment(packet: Packet, fragment: number): boolean {
  const offset = fragment & FRAGMENT_OFFSET_MASK;
  const { defragmenter } = packet;
  if (defragmenter?.add(packet, packet.int32At(-4), 0, offset, (fragment & MORE_FRAGMENTS) !== 0)) return true;
  packet.markPayload();
  packet.waitsForFragments = defragmenter !== undefined;
  packet.laterFragment = offset !== 0;
  return defragmenter === undefined && offset === 0;
}

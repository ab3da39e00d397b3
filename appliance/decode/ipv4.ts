import { layerOfProtocol } from "./ip-protocol.ts";
import { type Layer, MALFORMED, OTHER_TRANSPORT, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const HEADER_BYTES = 20;
/** More fragments, and the offset in units of 8 octets; the bit between flags is DF's. */
const FRAGMENT_MASK = 0x3fff;
const FRAGMENT_OFFSET_MASK = 0x1fff;
const MORE_FRAGMENTS = 0x2000;

/** RFC 791, section 3.1. A total length of 0 is what a card's segmentation offload leaves: all that is there counts. */
export function decodeIpv4(packet: Packet): Layer {
  if (!packet.has(HEADER_BYTES)) return TRUNCATED;
  const versionAndLength = packet.uint8At(0);
  const headerBytes = (versionAndLength & 0x0f) * 4;
  const totalBytes = packet.uint16At(2);
  if (versionAndLength >> 4 !== 4 || headerBytes < HEADER_BYTES) return MALFORMED;
  if (totalBytes !== 0 && totalBytes < headerBytes) return MALFORMED;
  if (totalBytes !== 0) packet.limit(totalBytes);
  if (totalBytes > packet.wireBytes()) packet.truncated = true;
  packet.ipVersion = 4;
  packet.ipBytes = totalBytes === 0 ? packet.wireBytes() : totalBytes;
  packet.protocol = packet.uint8At(9);
  packet.sourceAddressAt = packet.offset + 12;
  packet.destinationAddressAt = packet.offset + 16;
  packet.sourcePort = 0;
  packet.destinationPort = 0;
  packet.tcpFlags = 0;
  packet.laterFragment = false;
  const fragment = packet.uint16At(6) & FRAGMENT_MASK;
  const identification = packet.uint16At(4);
  packet.skip(headerBytes);
  if (fragment !== 0 && !passFragment(packet, identification, fragment)) return OTHER_TRANSPORT;
  packet.markPayload();
  return layerOfProtocol(packet.protocol);
}

/** Whether there is a transport header at hand: the datagram is whole now, or nothing is put together and it is the first fragment. */
function passFragment(packet: Packet, identification: number, fragment: number): boolean {
  const offset = (fragment & FRAGMENT_OFFSET_MASK) * 8;
  const more = (fragment & MORE_FRAGMENTS) !== 0;
  const { defragmenter } = packet;
  if (defragmenter?.add(packet, identification, packet.protocol, offset, more)) return true;
  packet.markPayload();
  packet.waitsForFragments = defragmenter !== undefined;
  packet.laterFragment = offset !== 0;
  return defragmenter === undefined && offset === 0;
}

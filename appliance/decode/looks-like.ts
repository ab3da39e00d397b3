import type { Packet } from "./packet.ts";

/** Where a header doesn't say what follows it: an IP packet `at` octets behind the offset that is just as long as what is there. */
export function looksLikeIp(packet: Packet, at: number): boolean {
  if (!packet.has(at + 20)) return false;
  const lengthBytes = packet.wireBytes() - at;
  const first = packet.uint8At(at);
  if (first >> 4 === 4) return (first & 0x0f) >= 5 && packet.uint16At(at + 2) === lengthBytes;
  return first >> 4 === 6 && packet.has(at + 40) && packet.uint16At(at + 4) + 40 === lengthBytes;
}

/** The same for an Ethernet frame, by its type and the octet behind it. */
export function looksLikeEthernet(packet: Packet, at: number): boolean {
  if (!packet.has(at + 15)) return false;
  const next = packet.uint8At(at + 14);
  switch (packet.uint16At(at + 12)) {
    case 0x0800:
      return next >> 4 === 4 && (next & 0x0f) >= 5;
    case 0x86dd:
      return next >> 4 === 6;
    case 0x0806:
    case 0x8100:
    case 0x8847:
    case 0x8864:
    case 0x88a8:
      return true;
    default:
      return false;
  }
}

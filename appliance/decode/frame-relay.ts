import { DONE, IPV4, IPV6, type Layer, LLC_SNAP, TRUNCATED } from "./layer.ts";
import type { Packet } from "./packet.ts";

const ADDRESS_MAX_BYTES = 4;
const UNNUMBERED = 0x03;

/** RFC 2427, section 3: an address of 2 to 4 octets, the last of which is odd; control, perhaps a pad, and the NLPID. */
export function decodeFrameRelay(packet: Packet): Layer {
  let at = 1;
  while (at < ADDRESS_MAX_BYTES && packet.has(at + 1) && (packet.uint8At(at) & 1) === 0) at++;
  if (!packet.has(at + 4)) return TRUNCATED;
  if ((packet.uint8At(at) & 1) === 0 || packet.uint8At(at + 1) !== UNNUMBERED) return DONE;
  at += packet.uint8At(at + 2) === 0 ? 3 : 2;
  const nlpid = packet.uint8At(at);
  packet.skip(at + 1);
  switch (nlpid) {
    case 0xcc:
      return IPV4;
    case 0x8e:
      return IPV6;
    case 0x80:
      return LLC_SNAP;
    default:
      return DONE;
  }
}

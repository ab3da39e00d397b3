import type { FrameCursor } from "../capture/frame-cursor.ts";
import type { FrameMatch } from "../capture/retrieval.ts";
import { decodeFrame, layerOfLinkType } from "../decode/frame.ts";
import { Packet } from "../decode/packet.ts";
import type { SessionRecord } from "../session/record.ts";

export type FiveTupleRecord = Pick<SessionRecord, "proto" | "src_ip" | "src_port" | "dst_ip" | "dst_port">;

/**
 * Frames of one session, in both directions, by the innermost packet as the engine sees it. Later fragments have no ports:
 * those between the two addresses with the same protocol are given as well.
 */
export function matchSession(session: FiveTupleRecord, linkType: number): FrameMatch {
  const layer = layerOfLinkType(linkType);
  if (layer === undefined) return () => false;
  const packet = new Packet();
  const source = parseAddress(session.src_ip);
  const destination = parseAddress(session.dst_ip);
  const version = source.length === 4 ? 4 : 6;
  const isFrom = (address: Uint8Array, port: number, other: Uint8Array, otherPort: number): boolean =>
    (packet.laterFragment || (packet.sourcePort === port && packet.destinationPort === otherPort)) &&
    isAt(packet.bytes, packet.sourceAddressAt, address) &&
    isAt(packet.bytes, packet.destinationAddressAt, other);
  return (frame: FrameCursor) => {
    packet.reset(frame.bytes, frame.offsetBytes, frame.capturedBytes, frame.originalBytes, -1);
    decodeFrame(packet, layer);
    if (packet.ipVersion !== version || packet.protocol !== session.proto) return false;
    return (
      isFrom(source, session.src_port, destination, session.dst_port) ||
      isFrom(destination, session.dst_port, source, session.src_port)
    );
  };
}

function isAt(bytes: Uint8Array, at: number, address: Uint8Array): boolean {
  for (let i = 0; i < address.length; i++) if (bytes[at + i] !== address[i]) return false;
  return true;
}

/** Octets of an address as the engine renders it: dotted IPv4, or IPv6 by RFC 5952. */
export function parseAddress(text: string): Uint8Array {
  if (!text.includes(":")) return Uint8Array.from(text.split("."), Number);
  const [head = "", tail] = text.split("::");
  const groupsOf = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...new Array<number>(zeros).fill(0), ...after];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

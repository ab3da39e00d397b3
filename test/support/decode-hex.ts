import { decodeFrame, layerOfLinkType } from "../../appliance/decode/frame.ts";
import { Packet } from "../../appliance/decode/packet.ts";

/** What a frame decodes to, as a whole record. */
export interface DecodedFrame {
  readonly ip: string;
  readonly ipBytes: number;
  readonly protocol: number;
  readonly ports: string;
  readonly payload: string;
  readonly vlan: number;
  readonly truncated: boolean;
  readonly malformed: boolean;
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s+/g, ""), "hex"));
}

/** Behind other octets, so that an offset that is taken from the wrong place shows. */
const BEFORE = 7;

export function decodeHex(linkType: number, hex: string, originalBytes?: number): DecodedFrame {
  const frame = bytesOf(hex);
  const block = new Uint8Array(BEFORE + frame.length + BEFORE).fill(0xee);
  block.set(frame, BEFORE);
  const layer = layerOfLinkType(linkType);
  if (layer === undefined) throw new Error(`link type ${linkType}`);
  const packet = new Packet();
  packet.reset(block, BEFORE, frame.length, originalBytes ?? frame.length, -1);
  decodeFrame(packet, layer);
  const address = (at: number) =>
    Buffer.from(block.subarray(at, at + (packet.ipVersion === 4 ? 4 : 16))).toString("hex");
  return {
    ip: packet.ipVersion === 0 ? "" : `${address(packet.sourceAddressAt)} ${address(packet.destinationAddressAt)}`,
    ipBytes: packet.ipBytes,
    protocol: packet.protocol,
    ports: `${packet.sourcePort} ${packet.destinationPort}`,
    payload: Buffer.from(block.subarray(packet.payloadAt, packet.payloadEnd)).toString("latin1"),
    vlan: packet.vlan,
    truncated: packet.truncated,
    malformed: packet.malformed,
  };
}

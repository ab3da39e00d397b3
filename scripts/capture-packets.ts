import { openSavefile } from "../appliance/capture/savefile.ts";
import { decodeFrame, layerOfLinkType } from "../appliance/decode/frame.ts";
import { Packet } from "../appliance/decode/packet.ts";

/**
 * Walks over the frames of a file, each decoded by itself: nothing is put together. `visit` gets the packet, which is reused, or
 * undefined where the link type isn't decoded here.
 */
export function visitPackets(file: string, visit: (packet: Packet | undefined) => void): void {
  const opened = openSavefile(file);
  if (opened.name !== "open") throw new Error(`${file}: ${opened.why}`);
  const packet = new Packet();
  const frame = (
    bytes: Uint8Array,
    offset: number,
    captured: number,
    original: number,
    _s: number,
    _n: number,
    linkType: number,
  ) => {
    const layer = layerOfLinkType(linkType);
    if (layer === undefined) return visit(undefined);
    packet.reset(bytes, offset, captured, original, -1);
    decodeFrame(packet, layer);
    visit(packet);
  };
  while (opened.records.next({ frame }).name === "more");
  opened.close();
}

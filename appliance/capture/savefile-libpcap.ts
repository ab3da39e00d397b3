import { createOfflineSession } from "pcap";
import { linkTypeOfName } from "./libpcap-port.ts";
import type { FrameSink } from "./savefile-records.ts";

/**
 * Gives the frames of a savefile that only libpcap knows (pcap as other systems once changed it) to the sink, all in one
 * go, with times in microseconds. Rejects when libpcap refuses the file. Where it is damaged it just ends: the addon
 * doesn't tell.
 */
export function readByLibpcap(path: string, sink: FrameSink): Promise<void> {
  const session = createOfflineSession(path);
  const linkType = linkTypeOfName(session.link_type);
  return new Promise((resolve) => {
    session.on("packet", ({ buf, header }) => {
      const capturedBytes = Math.min(header.readUInt32LE(8), buf.length);
      sink.frame(
        buf,
        0,
        capturedBytes,
        header.readUInt32LE(12),
        header.readUInt32LE(0),
        header.readUInt32LE(4) * 1000,
        linkType,
      );
    });
    session.on("complete", () => {
      session.close();
      resolve();
    });
  });
}

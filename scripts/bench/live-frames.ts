import { RandomStream } from "../traffic/random-stream.ts";

export const LIVE_FRAME_BYTES = 128;
const SESSIONS = 2000;
const HEADERS_BYTES = 14 + 20 + 8;
const CLIENT_PORT = 40_000;
const SERVER_PORT = 5000;

/**
 * A configuration for trafgen(8): 2,000 UDP sessions, both ways in turn, each frame with 128 octets. Addresses are those of RFC
 * 2544's networks; trafgen sets lengths and checksums.
 */
export function renderLiveFrames(): string {
  const random = new RandomStream(1);
  const frames: string[] = [];
  for (const fromServer of [false, true])
    for (let session = 0; session < SESSIONS; session++) {
      const client = `198.18.${session >> 8}.${session & 0xff}`;
      const server = `198.19.0.${session % 64}`;
      const [source, destination] = fromServer ? [server, client] : [client, server];
      const [sourcePort, destinationPort] = fromServer ? [SERVER_PORT, CLIENT_PORT] : [CLIENT_PORT, SERVER_PORT];
      const payload = [...random.bytes(LIVE_FRAME_BYTES - HEADERS_BYTES)].join(",");
      frames.push(
        `{ eth(da=02:00:00:00:00:01,sa=02:00:00:00:00:02), ipv4(sa=${source},da=${destination},ttl=64), ` +
          `udp(sp=${sourcePort},dp=${destinationPort}), ${payload} }`,
      );
    }
  return `${frames.join("\n")}\n`;
}

import { visitPackets } from "../capture-packets.ts";
import { type InnermostTuple, renderTuple } from "../compare-tuples.ts";

/** The payloads of one direction as they lie in a capture, behind each other: what came again is there again. */
export interface CapturedStream {
  readonly octets: Uint8Array;
  /** Number of the frame (from 1) that holds the octet at `offset`. */
  frameAt(offset: number): number;
}

interface Payload {
  readonly frame: number;
  readonly octets: Uint8Array;
}

/** Of the directions that are asked for. */
export function readStreams(file: string, wanted: ReadonlySet<InnermostTuple>): Map<InnermostTuple, CapturedStream> {
  const payloads = new Map<InnermostTuple, Payload[]>();
  let number = 0;
  visitPackets(file, (packet) => {
    number++;
    if (packet === undefined || packet.payloadEnd <= packet.payloadAt) return;
    const tuple = renderTuple(packet);
    if (!wanted.has(tuple)) return;
    const list = payloads.get(tuple) ?? [];
    if (list.length === 0) payloads.set(tuple, list);
    list.push({ frame: number, octets: Uint8Array.from(packet.bytes.subarray(packet.payloadAt, packet.payloadEnd)) });
  });
  return new Map([...payloads].map(([tuple, list]) => [tuple, streamOf(list)]));
}

function streamOf(list: readonly Payload[]): CapturedStream {
  const octets = Uint8Array.from(Buffer.concat(list.map((payload) => payload.octets)));
  return {
    octets,
    frameAt: (offset) => {
      let end = 0;
      for (const payload of list) {
        end += payload.octets.length;
        if (offset < end) return payload.frame;
      }
      return 0;
    },
  };
}

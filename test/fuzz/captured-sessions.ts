import { openSavefile } from "../../appliance/capture/savefile.ts";
import { decodeFrame, layerOfLinkType } from "../../appliance/decode/frame.ts";
import { Packet } from "../../appliance/decode/packet.ts";
import { listCaptures } from "../support/read-captures.ts";
import { type Chunk, encodeDialogue, SIDE } from "./dialogue.ts";

const SESSION_MAX_BYTES = 6000;
const SESSIONS_MAX = 60;

interface Session {
  readonly ports: readonly [number, number];
  readonly chunks: Chunk[];
  bytes: number;
}

/** The first octets of each session of the project's captures, as dialogues; `protocol` is IP's. */
export function capturedSessions(protocol: number): Uint8Array[] {
  const sessions = new Map<string, Session>();
  for (const { path } of listCaptures()) readSessions(path, protocol, sessions);
  return [...sessions.values()].slice(0, SESSIONS_MAX).map(({ ports, chunks }) => encodeDialogue(ports, chunks));
}

function readSessions(path: string, protocol: number, sessions: Map<string, Session>): void {
  const opened = openSavefile(path);
  if (opened.name !== "open") throw new Error(`${path}: ${opened.why}`);
  const packet = new Packet();
  const frame = (
    block: Uint8Array,
    from: number,
    captured: number,
    original: number,
    _s: number,
    _n: number,
    link: number,
  ) => {
    const layer = layerOfLinkType(link);
    if (layer === undefined) return;
    packet.reset(block, from, captured, original, -1);
    decodeFrame(packet, layer);
    if (packet.protocol !== protocol || packet.payloadEnd <= packet.payloadAt) return;
    const { sourcePort, destinationPort } = packet;
    const forward = `${path} ${sourcePort} ${destinationPort}`;
    const backward = `${path} ${destinationPort} ${sourcePort}`;
    const known = sessions.get(forward) ?? sessions.get(backward);
    const session = known ?? { ports: [sourcePort, destinationPort] as const, chunks: [], bytes: 0 };
    if (known === undefined) sessions.set(forward, session);
    if (session.bytes > SESSION_MAX_BYTES) return;
    const bytes = block.slice(packet.payloadAt, packet.payloadEnd);
    session.chunks.push({ how: session.ports[0] === sourcePort ? 0 : SIDE, bytes });
    session.bytes += bytes.length;
  };
  while (opened.records.next({ frame }).name === "more");
  opened.close();
}

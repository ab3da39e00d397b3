import { randomBytes } from "node:crypto";
import type { FrameFields, FrameSelector, FrameSink } from "../capture/retrieval.ts";
import { DEFRAGMENTER_LIMITS, Defragmenter } from "../decode/defragmenter.ts";
import { decodeFrame, decodeRest, layerOfLinkType } from "../decode/frame.ts";
import type { Layer } from "../decode/layer.ts";
import { Packet } from "../decode/packet.ts";
import type { SessionRecord } from "../session/record.ts";

export type FiveTupleRecord = Pick<SessionRecord, "proto" | "src_ip" | "src_port" | "dst_ip" | "dst_port">;

export interface SessionFrames {
  readonly session: FiveTupleRecord;
  /** Unix milliseconds, both included; of a datagram, the time of the fragment that made it whole counts. */
  readonly fromMs: number;
  readonly toMs: number;
  /** What else is asked of each frame. */
  readonly accepts: (frame: FrameFields) => boolean;
}

/** A datagram may take so long: fragments of a session's first packet may come as much before its start. */
export const FRAGMENTS_MS = DEFRAGMENTER_LIMITS.timeoutSeconds * 1000;
/** Frames that wait until it is known of which session the fragments before them are. */
const WAITING_MAX_BYTES = 32 * 1024 * 1024;
/** What one takes besides its octets. */
const OVERHEAD_BYTES = 200;

interface WaitingFrame extends FrameFields {
  /** Undefined until it is known. */
  wanted: boolean | undefined;
  /** Of the datagram that it waits for. */
  datagram: string;
}

/**
 * Frames of one session, in both directions and in the order they came, by the innermost packet as the engine sees it: of a
 * datagram in fragments, also inside or outside a tunnel, all. Of one that doesn't become whole, all when its first fragment shows
 * that it is the session's.
 */
export function selectSession(frames: SessionFrames, linkType: number): FrameSelector {
  const layer = layerOfLinkType(linkType);
  if (layer === undefined) return { take: () => {}, finish: () => {} };
  return new SessionSelector(frames, layer);
}

class SessionSelector implements FrameSelector {
  readonly #frames: SessionFrames;
  readonly #layer: Layer;
  readonly #tuple: TupleMatch;
  readonly #defragmenter = new FollowedDefragmenter(DEFRAGMENTER_LIMITS, randomBytes(8));
  readonly #packet = new Packet(this.#defragmenter);
  /** Takes fragments as they come. */
  readonly #plain = new Packet();
  /** In the order they came; those before `#given` were given out or dropped. */
  #waiting: WaitingFrame[] = [];
  #given = 0;
  #waitingBytes = 0;
  /** Frames of datagrams that aren't whole. */
  readonly #datagrams = new Map<string, WaitingFrame[]>();

  constructor(frames: SessionFrames, layer: Layer) {
    this.#frames = frames;
    this.#layer = layer;
    this.#tuple = new TupleMatch(frames.session);
  }

  take(frame: FrameFields, found: FrameSink): void {
    const { steps } = this.#defragmenter;
    steps.length = 0;
    this.#defragmenter.nowUs = timeMsOf(frame) * 1000;
    const wanted = this.#matches(this.#packet, frame) && this.#isWithin(frame);
    while (this.#defragmenter.takeExpired(this.#packet)); // settled below, by time
    if (steps.length > 0) this.#takeFragment(frame, wanted);
    else if (wanted && this.#waiting.length > 0) this.#keep(frame, wanted);
    else if (wanted && this.#frames.accepts(frame)) found.append(frame);
    if (this.#waiting.length > 0) this.#giveOut(found, timeMsOf(frame));
  }

  finish(found: FrameSink): void {
    this.#giveOut(found, Number.POSITIVE_INFINITY);
  }

  /** The frame belongs to what it made whole, and that perhaps to what still waits. */
  #takeFragment(frame: FrameFields, wanted: boolean): void {
    const together = [this.#keep(frame, undefined)];
    for (const { datagram, whole } of this.#defragmenter.steps) {
      const before = this.#datagrams.get(datagram) ?? [];
      if (!whole) {
        for (const one of together) {
          one.datagram = datagram;
          before.push(one);
        }
        this.#datagrams.set(datagram, before);
        return;
      }
      this.#datagrams.delete(datagram);
      for (const one of before) together.push(one);
    }
    for (const one of together) one.wanted = wanted;
  }

  #keep(frame: FrameFields, wanted: boolean | undefined): WaitingFrame {
    const { offsetBytes, capturedBytes, originalBytes, timeSeconds, timeNanoseconds } = frame;
    const bytes = frame.bytes.slice(offsetBytes, offsetBytes + capturedBytes);
    const kept = { bytes, offsetBytes: 0, capturedBytes, originalBytes, timeSeconds, timeNanoseconds };
    const waiting = { ...kept, wanted, datagram: "" };
    this.#waiting.push(waiting);
    this.#waitingBytes += capturedBytes + OVERHEAD_BYTES;
    return waiting;
  }

  /** Up to the first of which nothing is known yet. */
  #giveOut(found: FrameSink, nowMs: number): void {
    for (; this.#given < this.#waiting.length; this.#given++) {
      const frame = this.#waiting[this.#given] as WaitingFrame;
      if (frame.wanted === undefined) {
        if (nowMs - timeMsOf(frame) <= FRAGMENTS_MS && this.#waitingBytes <= WAITING_MAX_BYTES) break;
        this.#settle(frame.datagram);
      }
      if (frame.wanted === true && this.#frames.accepts(frame)) found.append(frame);
      this.#waitingBytes -= frame.capturedBytes + OVERHEAD_BYTES;
    }
    if (this.#given * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#given);
    this.#given = 0;
  }

  /** A datagram that doesn't become whole. */
  #settle(datagram: string): void {
    const frames = this.#datagrams.get(datagram) ?? [];
    const last = frames.at(-1);
    const wanted =
      last !== undefined && this.#isWithin(last) && frames.some((frame) => this.#matches(this.#plain, frame));
    for (const frame of frames) frame.wanted = wanted;
    this.#datagrams.delete(datagram);
  }

  #matches(packet: Packet, frame: FrameFields): boolean {
    packet.reset(frame.bytes, frame.offsetBytes, frame.capturedBytes, frame.originalBytes, -1);
    decodeFrame(packet, this.#layer);
    let matches = this.#tuple.isOf(packet);
    while (decodeRest(packet)) matches ||= this.#tuple.isOf(packet);
    return matches;
  }

  #isWithin(frame: FrameFields): boolean {
    const timeMs = timeMsOf(frame);
    return timeMs >= this.#frames.fromMs && timeMs <= this.#frames.toMs;
  }
}

class TupleMatch {
  readonly #session: FiveTupleRecord;
  readonly #source: Uint8Array;
  readonly #destination: Uint8Array;

  constructor(session: FiveTupleRecord) {
    this.#session = session;
    this.#source = parseAddress(session.src_ip);
    this.#destination = parseAddress(session.dst_ip);
  }

  isOf(packet: Packet): boolean {
    const { proto, src_port, dst_port } = this.#session;
    if (packet.ipVersion !== (this.#source.length === 4 ? 4 : 6) || packet.protocol !== proto) return false;
    if (packet.waitsForFragments || packet.laterFragment) return false;
    return (
      isFrom(packet, this.#source, src_port, this.#destination, dst_port) ||
      isFrom(packet, this.#destination, dst_port, this.#source, src_port)
    );
  }
}

/** Notes which datagrams the fragments of a frame belong to, outermost first, and whether they made them whole. */
class FollowedDefragmenter extends Defragmenter {
  readonly steps: { readonly datagram: string; readonly whole: boolean }[] = [];

  override add(packet: Packet, identification: number, protocol: number, offset: number, more: boolean): boolean {
    const addresses = packet.bytes.subarray(
      packet.sourceAddressAt,
      packet.sourceAddressAt + (packet.ipVersion === 4 ? 8 : 32),
    );
    const datagram = `${addresses.join(" ")} ${protocol} ${identification}`;
    const whole = super.add(packet, identification, protocol, offset, more);
    this.steps.push({ datagram, whole });
    return whole;
  }
}

function timeMsOf(frame: FrameFields): number {
  return frame.timeSeconds * 1000 + frame.timeNanoseconds / 1e6;
}

function isFrom(packet: Packet, address: Uint8Array, port: number, other: Uint8Array, otherPort: number): boolean {
  return (
    packet.sourcePort === port &&
    packet.destinationPort === otherPort &&
    isAt(packet.bytes, packet.sourceAddressAt, address) &&
    isAt(packet.bytes, packet.destinationAddressAt, other)
  );
}

function isAt(bytes: Uint8Array, at: number, address: Uint8Array): boolean {
  for (let i = 0; i < address.length; i++) if (bytes[at + i] !== address[i]) return false;
  return true;
}

/** Octets of an address as the engine renders it: dotted IPv4, or IPv6 by RFC 5952. */
export function parseAddress(text: string): Uint8Array {
  if (!text.includes(":")) return Uint8Array.from(text.split("."), Number);
  if (text.includes(".")) {
    const at = text.lastIndexOf(":") + 1;
    return Uint8Array.of(...parseAddress(`${text.slice(0, at)}0:0`).subarray(0, 12), ...parseAddress(text.slice(at)));
  }
  const [head = "", tail] = text.split("::");
  const groupsOf = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...new Array<number>(zeros).fill(0), ...after];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

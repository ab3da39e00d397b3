import type { SensorConfig } from "../../core/contract/sensor-config.ts";
import { decodeFrame, layerOfLinkType } from "../decode/frame.ts";
import { Packet } from "../decode/packet.ts";
import { PROTOCOL_HTTP, PROTOCOL_NONE, recogniseProtocol } from "../entropy/recognise-protocol.ts";
import { decodeHttpRequest, mayBeRequest } from "../http/request.ts";
import { FiveTuple } from "./five-tuple.ts";
import { openerByFlags, senderOpened } from "./opener.ts";
import type { HttpRecord, SessionRecord } from "./record.ts";
import { renderHttp, renderSession } from "./render.ts";
import { Sampler } from "./sampler.ts";
import { NO_ROW, SessionTable } from "./session-table.ts";
import { FLAG_ACK, FLAG_FIN, FLAG_RST, FLAG_SYN } from "./tcp-flags.ts";
import { TimerWheel } from "./timer-wheel.ts";

export type EngineConfig = Pick<SensorConfig, "session" | "entropy">;

/** Where records go. Called from within `frame`, `advance` and `finish`; what throws here stops the engine's caller. */
export interface EngineSink {
  /** `final` is false for a session that goes on (every `activeMs`): the same id comes again. */
  session(record: SessionRecord, final: boolean): void;
  http(record: HttpRecord): void;
}

export interface EngineOptions {
  /** 16 random octets: key of the session table's hash. */
  readonly seed: Uint8Array;
  /** Goes into every record. */
  readonly sensor: string;
  /** Of the first session; the store's `nextId` when the records go there. */
  readonly firstId: number;
}

/** Counted from the start; every limit has its counter. */
export interface EngineCounters {
  frames: number;
  /** Octets on the wire, link layer included. */
  bytes: number;
  /** Cut by the snap length, or shorter than a header says. */
  truncated: number;
  /** A header that contradicts itself. */
  malformed: number;
  /** No IP packet inside (ARP, LLDP, ...). */
  notIp: number;
  /** Link type that is not known here. */
  unknownLinkType: number;
  /** Fragments other than the first: counted in a session without ports. */
  fragments: number;
  /** Reported as final. */
  sessions: number;
  /** Of those, the ones with a randomness below 1. */
  sessionsFlat: number;
  sessionsActive: number;
  /** Given up because the table was full. */
  sessionsEvicted: number;
  /** Directions without a sample, because there was no memory for it. */
  samplesSkipped: number;
  httpRequests: number;
  /** Octets of TCP payload that were never seen, or came too late to be sampled. */
  gapBytes: number;
}

const IP_TCP = 6;
const SECOND_MS = 1000;
const MICROSECONDS = 1_000_000;
/** A TCP session that was closed or reset is over after this: late acknowledgements still belong to it. */
const CLOSED_LINGER_MS = 10_000;
/** A hole wider than this is no hole: the sequence numbers start anew. */
const GAP_MAX_BYTES = 1 << 26;
/** Packets of a direction in which its protocol is looked for. */
const RECOGNISE_PACKETS = 8;
/** Requests that are read out of one segment. */
const PIPELINED_MAX = 100;
/** The clock was set back by more than this. */
const CLOCK_BACK_SECONDS = 60;
/** Times beyond 2106 are garbage. */
const TIME_MAX_SECONDS = 0xffff_ffff;

/**
 * Frames in, records out; the one implementation for savefiles and live capture. Nothing is allocated for a packet: the
 * packet and its five-tuple are reused, sessions are rows of typed arrays, and a record becomes an object when it leaves.
 * Time is that of the frames; it never goes back except in `advance`.
 */
export class Engine {
  readonly counters: EngineCounters = {
    frames: 0,
    bytes: 0,
    truncated: 0,
    malformed: 0,
    notIp: 0,
    unknownLinkType: 0,
    fragments: 0,
    sessions: 0,
    sessionsFlat: 0,
    sessionsActive: 0,
    sessionsEvicted: 0,
    samplesSkipped: 0,
    httpRequests: 0,
    gapBytes: 0,
  };
  readonly #config: EngineConfig["session"];
  readonly #sink: EngineSink;
  readonly #sensor: string;
  readonly #packet = new Packet();
  readonly #tuple = new FiveTuple();
  readonly #table: SessionTable;
  readonly #sampler: Sampler;
  readonly #timers: TimerWheel;
  readonly #look: (row: number) => void;
  readonly #idle: (row: number) => number;
  #nextId: number;
  /** Unix microseconds of the frame at hand. */
  #now = 0;

  constructor(config: EngineConfig, sink: EngineSink, options: EngineOptions) {
    this.#config = config.session;
    this.#sink = sink;
    this.#sensor = options.sensor;
    this.#nextId = options.firstId;
    const rows = config.session.maxSessions + 1;
    this.#table = new SessionTable(config.session.maxSessions, options.seed);
    this.#sampler = new Sampler(config.entropy, rows);
    this.#timers = new TimerWheel(rows);
    this.#look = (row) => this.#lookAt(row);
    this.#idle = (row) => this.#idleSecond(row);
  }

  /**
   * One frame, at `offsetBytes` of `block`, which is read only during the call. `linkType` is a LINKTYPE_ value of
   * tcpdump.org (1 Ethernet); `vlan` the 802.1Q tag that the card took off, -1 when there was none.
   */
  frame(
    block: Uint8Array,
    offsetBytes: number,
    capturedBytes: number,
    originalBytes: number,
    timeSeconds: number,
    timeNanoseconds: number,
    linkType: number,
    vlan = -1,
  ): void {
    const { counters } = this;
    const packet = this.#packet;
    counters.frames++;
    counters.bytes += originalBytes;
    const second = Math.min(timeSeconds, TIME_MAX_SECONDS);
    this.#now = second * MICROSECONDS + Math.floor(timeNanoseconds / 1000);
    if (second > this.#timers.nowSecond) this.#timers.advance(second, this.#look);
    const layer = layerOfLinkType(linkType);
    if (layer === undefined) {
      counters.unknownLinkType++;
      return;
    }
    packet.reset(block, offsetBytes, capturedBytes, originalBytes, vlan);
    decodeFrame(packet, layer);
    if (packet.truncated) counters.truncated++;
    if (packet.malformed) counters.malformed++;
    if (packet.ipVersion === 0) {
      counters.notIp++;
      return;
    }
    if (packet.laterFragment) counters.fragments++;
    this.#track();
  }

  /** Reports and forgets what is over by `nowMs` (Unix); call it about once a second when no frames come. */
  advance(nowMs: number): void {
    const second = Math.floor(nowMs / SECOND_MS);
    if (second < this.#timers.nowSecond - CLOCK_BACK_SECONDS) this.#timers.restart(second, this.#look);
    else this.#timers.advance(second, this.#look);
  }

  /** Reports all sessions as final, in the order of their ids. */
  finish(): void {
    const rows: number[] = [];
    for (let row = this.#timers.first(); row !== NO_ROW; row = this.#timers.first()) {
      this.#timers.take(row);
      rows.push(row);
    }
    const { id } = this.#table;
    rows.sort((a, b) => (id[a] as number) - (id[b] as number));
    for (const row of rows) this.#forget(row);
  }

  #track(): void {
    const packet = this.#packet;
    const table = this.#table;
    this.#tuple.read(packet);
    const key = this.#tuple.words;
    const side = this.#tuple.side;
    const hash = table.hashOf(key);
    let row = table.find(key, hash);
    if (row !== NO_ROW && packet.protocol === IP_TCP && this.#startsAnew(2 * row + side)) {
      this.#timers.take(row);
      this.#forget(row);
      row = NO_ROW;
    }
    if (row === NO_ROW) row = this.#open(key, hash, side);
    const at = 2 * row + side;
    table.packets[at] = (table.packets[at] as number) + 1;
    table.bytes[at] = (table.bytes[at] as number) + packet.ipBytes;
    if (this.#now > (table.end[row] as number)) table.end[row] = this.#now;
    else if (this.#now < (table.start[row] as number)) table.start[row] = this.#now; // frames out of order
    if (packet.protocol === IP_TCP && !packet.laterFragment) this.#segment(row, side);
    else if (!packet.laterFragment) this.#payload(row, at, packet.payloadAt, packet.payloadEnd);
  }

  #open(key: Int32Array, hash: number, side: number): number {
    const packet = this.#packet;
    const table = this.#table;
    if (table.full()) {
      const oldest = this.#timers.oldest(this.#idle);
      this.#timers.take(oldest);
      this.#forget(oldest);
      this.counters.sessionsEvicted++;
    }
    const row = table.add(key, hash);
    table.id[row] = this.#nextId++;
    table.start[row] = this.#now;
    table.end[row] = this.#now;
    table.vlan[row] = packet.vlan;
    table.reportDue[row] = Math.floor((this.#now / MICROSECONDS) * SECOND_MS + this.#config.activeMs) / SECOND_MS;
    table.opener[row] = senderOpened(packet) ? side : 1 - side;
    this.#timers.put(row, this.#dueSecond(row));
    this.counters.sessionsActive = table.size;
    return row;
  }

  /** A SYN that can't belong to the session at hand: one with another sequence number, or after its end. */
  #startsAnew(at: number): boolean {
    const packet = this.#packet;
    const table = this.#table;
    if ((packet.tcpFlags & (FLAG_SYN | FLAG_ACK | FLAG_RST)) !== FLAG_SYN) return false;
    if (table.synSeen[at] === 1 && table.synSequence[at] !== packet.tcpSequence) return true;
    const other = at ^ 1;
    return isClosed(table.flags[at] as number, table.flags[other] as number);
  }

  #segment(row: number, side: number): void {
    const packet = this.#packet;
    const table = this.#table;
    const at = 2 * row + side;
    const flags = packet.tcpFlags;
    const before = table.flags[at] as number;
    const other = table.flags[at ^ 1] as number;
    table.flags[at] = before | flags;
    if (isClosed(before | flags, other) && !isClosed(before, other)) {
      this.#timers.take(row);
      this.#timers.put(row, this.#dueSecond(row));
    }
    const opened = openerByFlags(flags);
    if (opened >= 0 && table.openerCertain[row] === 0) {
      table.openerCertain[row] = 1;
      table.opener[row] = opened === 1 ? side : 1 - side;
    }
    let sequence = packet.tcpSequence;
    if ((flags & FLAG_SYN) !== 0) {
      if ((flags & FLAG_ACK) === 0 && table.synSeen[at] === 0) {
        table.synSeen[at] = 1;
        table.synSequence[at] = sequence;
      }
      sequence = (sequence + 1) | 0; // a SYN takes a sequence number; what it carries comes after (RFC 7413)
      if (table.sequenceKnown[at] === 0) {
        table.sequenceKnown[at] = 1;
        table.nextSequence[at] = sequence;
      }
    }
    if (packet.payloadWireBytes === 0 || (flags & FLAG_RST) !== 0) return;
    if (mayBeRequest(packet.bytes, packet.payloadAt, packet.payloadEnd)) this.#requests(row, at, sequence);
    this.#inOrder(row, at, sequence);
  }

  /** Samples what of a segment is new: retransmitted octets were counted, and what comes after a hole is taken as it is. */
  #inOrder(row: number, at: number, sequence: number): void {
    const packet = this.#packet;
    const table = this.#table;
    let from = packet.payloadAt;
    const ahead = table.sequenceKnown[at] === 1 ? (sequence - (table.nextSequence[at] as number)) | 0 : 0;
    if (ahead > GAP_MAX_BYTES || ahead < -GAP_MAX_BYTES) this.counters.gapBytes += packet.payloadWireBytes;
    else if (ahead > 0) this.counters.gapBytes += ahead;
    else if (ahead < 0) {
      if (-ahead >= packet.payloadWireBytes) return;
      from -= ahead;
    }
    table.sequenceKnown[at] = 1;
    table.nextSequence[at] = (sequence + packet.payloadWireBytes) | 0;
    this.#payload(row, at, from, packet.payloadEnd);
  }

  #payload(row: number, at: number, from: number, to: number): void {
    if (from >= to) return;
    const packet = this.#packet;
    const table = this.#table;
    if (table.protocol[row] === PROTOCOL_NONE && (table.packets[at] as number) <= RECOGNISE_PACKETS)
      table.protocol[row] = recogniseProtocol(
        packet.bytes,
        from,
        to,
        packet.protocol,
        packet.sourcePort,
        packet.destinationPort,
      );
    this.#sampler.add(at, packet.bytes, from, to);
    this.counters.samplesSkipped = this.#sampler.skipped;
  }

  /** Requests at the start of a segment, and what is pipelined behind them; one that was seen at its place is not reported anew. */
  #requests(row: number, at: number, sequence: number): void {
    const packet = this.#packet;
    const table = this.#table;
    let from = packet.payloadAt;
    for (let i = 0; i < PIPELINED_MAX; i++) {
      const place = (sequence + from - packet.payloadAt) | 0;
      const request = decodeHttpRequest(packet.bytes, from, packet.payloadEnd);
      if (request === undefined) return;
      const seen = table.requestSeen[at] === 1 && ((place - (table.requestSequence[at] as number)) | 0) === 0;
      if (!seen) {
        table.requestSeen[at] = 1;
        table.requestSequence[at] = place;
        table.protocol[row] = PROTOCOL_HTTP;
        this.counters.httpRequests++;
        this.#sink.http(renderHttp(table, row, at & 1, this.#now, request));
      }
      from = request.endOffset;
    }
  }

  /** Second at which the row is to be looked at: when it has been idle for long enough, or is to be reported. */
  #dueSecond(row: number): number {
    return Math.min(this.#idleSecond(row), Math.ceil(this.#table.reportDue[row] as number));
  }

  #idleSecond(row: number): number {
    const table = this.#table;
    const flags0 = table.flags[2 * row] as number;
    const flags1 = table.flags[2 * row + 1] as number;
    let idleMs = this.#config.idleOtherMs;
    if (isClosed(flags0, flags1)) idleMs = Math.min(idleMs, CLOSED_LINGER_MS);
    else if ((flags0 & FLAG_ACK) !== 0 || (flags1 & FLAG_ACK) !== 0) idleMs = this.#config.idleTcpMs;
    return Math.ceil((table.end[row] as number) / MICROSECONDS + idleMs / SECOND_MS);
  }

  /** The timer of a row that is out of the wheel: it is over, or it is reported and goes on, or it was not due yet. */
  #lookAt(row: number): void {
    const table = this.#table;
    const second = this.#timers.nowSecond;
    const end = table.end[row] as number;
    if (end > (second + CLOCK_BACK_SECONDS) * MICROSECONDS) table.end[row] = second * MICROSECONDS; // the clock was set back
    if (this.#idleSecond(row) <= second) {
      this.#forget(row);
      return;
    }
    if (Math.ceil(table.reportDue[row] as number) <= second) {
      if (end > (table.reportedAt[row] as number)) {
        table.reportedAt[row] = end;
        this.#sink.session(renderSession(table, this.#sampler, row, this.#sensor), false);
      }
      table.reportDue[row] = second + this.#config.activeMs / SECOND_MS;
    }
    this.#timers.put(row, this.#dueSecond(row));
  }

  /** Reports a row, that is out of the wheel, as final and frees it. */
  #forget(row: number): void {
    const record = renderSession(this.#table, this.#sampler, row, this.#sensor);
    this.#sampler.clear(row);
    this.#table.remove(row);
    this.counters.sessionsActive = this.#table.size;
    this.counters.sessions++;
    if ((record.src_randomness ?? 1) < 1 || (record.dst_randomness ?? 1) < 1) this.counters.sessionsFlat++;
    this.#sink.session(record, true);
  }
}

/** Reset by one side, or finished by both. */
function isClosed(flags0: number, flags1: number): boolean {
  return ((flags0 | flags1) & FLAG_RST) !== 0 || (flags0 & flags1 & FLAG_FIN) !== 0;
}

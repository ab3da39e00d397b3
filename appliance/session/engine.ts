import { DEFRAGMENTER_LIMITS, Defragmenter } from "../decode/defragmenter.ts";
import { decodeExpired, decodeFrame, decodeRest, layerOfLinkType } from "../decode/frame.ts";
import { Packet } from "../decode/packet.ts";
import { codeOf } from "../entropy/protocol.ts";
import { PROTOCOL_HTTP, PROTOCOL_HTTP2, PROTOCOL_NONE, recogniseProtocol } from "../entropy/recognise-protocol.ts";
import { SHIPPED_PROFILES } from "../entropy/shipped-profiles.ts";
import type { HandshakeFacts } from "../handshake/handshake-facts.ts";
import type { HttpTransaction } from "../http/http-transaction.ts";
import { HTTP2_VERSION } from "../http/http2-reader.ts";
import { decodeHttpRequest, mayBeRequest, startsRequestLine } from "../http/request.ts";
import { type EngineCounters, zeroCounters } from "./engine-counters.ts";
import type { EngineConfig, EngineOptions, Share } from "./engine-options.ts";
import type { EngineSink } from "./engine-sink.ts";
import { FiveTuple, keyPort, keyProtocol } from "./five-tuple.ts";
import { noteSyn, senderOpened } from "./opener.ts";
import { renderHandshake, renderHttp } from "./render.ts";
import { Sampler } from "./sampler.ts";
import { type ReadersTarget, SessionReaders } from "./session-readers.ts";
import { SessionReports } from "./session-reports.ts";
import {
  CHUNKS,
  END,
  FLAGS,
  ID,
  NO_ROW,
  PROTOCOL,
  ROW_NUMBERS,
  ROW_WORDS,
  SessionTable,
  START,
  STATE,
  STATE_HELD,
  STATE_OPENER,
  VLAN,
} from "./session-table.ts";
import { SessionTimers, type TimersTarget } from "./session-timers.ts";
import { FLAG_ACK, FLAG_RST, FLAG_SYN, isClosed, isSyn } from "./tcp-flags.ts";
import { type StreamTarget, TcpStreams } from "./tcp-streams.ts";
import { type WaitingSyn, WaitingSyns } from "./waiting-syns.ts";

const IP_TCP = 6;
const IP_UDP = 17;
const SECOND_MS = 1000;
const MICROSECONDS = 1_000_000;
/** Segments or datagrams of a direction in which its protocol is looked for. */
const CHUNKS_MAX = 8;
/** Times beyond 2106 are garbage. */
const TIME_MAX_SECONDS = 0xffff_ffff;

/**
 * Frames in, records out; the one implementation for savefiles and live capture. Nothing is allocated for a packet: the
 * packet and its five-tuple are reused, sessions are rows of typed arrays, and a record becomes an object when it leaves.
 * Time is that of the frames; it never goes back except in `advance`.
 */
export class Engine implements StreamTarget, ReadersTarget, TimersTarget {
  readonly counters: EngineCounters = zeroCounters();
  readonly #sink: EngineSink;
  readonly #firstId: number;
  readonly #idStride: number;
  readonly #share: Share;
  readonly #defragmenter: Defragmenter;
  readonly #packet: Packet;
  readonly #tuple = new FiveTuple();
  readonly #table: SessionTable;
  readonly #streams: TcpStreams;
  readonly #readers: SessionReaders;
  readonly #sampler: Sampler;
  readonly #reports: SessionReports;
  readonly #timers: SessionTimers;
  readonly #waitingSyns: WaitingSyns;
  /** Rows that `finish` has not reported yet, the last id first. */
  #ending: number[] | undefined;
  /** Unix microseconds of the frame at hand. */
  #now = 0;
  /** IP packets so far: the same in all engines that share the sessions. A frame may have several, or none. */
  #packets = 0;

  constructor(config: EngineConfig, sink: EngineSink, options: EngineOptions) {
    const { maxSessions } = config.session;
    this.#sink = sink;
    this.#firstId = options.firstId;
    this.#idStride = options.idStride ?? 1;
    this.#share = options.share ?? { index: 0, count: 1 };
    this.#defragmenter = new Defragmenter(DEFRAGMENTER_LIMITS, options.seed, this.counters);
    this.#packet = new Packet(this.#defragmenter);
    this.#table = new SessionTable(maxSessions, options.seed);
    const { heldDirectionBytes: directionBytes, heldBytes: totalBytes } = config.session;
    this.#streams = new TcpStreams(this.#table, { directionBytes, totalBytes }, this, this.counters);
    this.#readers = new SessionReaders(maxSessions + 1, config.session.readerBytes, this, this.counters);
    this.#sampler = new Sampler(config.entropy, maxSessions + 1);
    this.#reports = new SessionReports(this.#table, this.#sampler, config.profiles ?? SHIPPED_PROFILES, {
      sink,
      counters: this.counters,
      sensor: options.sensor,
    });
    this.#waitingSyns = new WaitingSyns(this.#table);
    this.#timers = new SessionTimers(this.#table, config.session, this);
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
    this.#timers.advance(second);
    const layer = layerOfLinkType(linkType);
    if (layer === undefined) {
      counters.unknownLinkType++;
      return;
    }
    this.#defragmenter.nowUs = this.#now;
    packet.reset(block, offsetBytes, capturedBytes, originalBytes, vlan);
    decodeFrame(packet, layer);
    this.#takePacket();
    while (decodeRest(packet)) this.#takePacket();
    this.#trackExpired();
  }

  /** Reports and forgets what is over by `nowMs` (Unix); call it about once a second when no frames come. */
  advance(nowMs: number): void {
    this.#timers.follow(Math.floor(nowMs / SECOND_MS));
  }

  /**
   * Reports all sessions as final, in the order of their ids, `most` of them at a time; false while there are more, which want
   * to be called for before the next frame.
   */
  finish(most = Number.POSITIVE_INFINITY): boolean {
    const ending = this.#ending ?? this.#endAll();
    for (let count = 0; count < most && ending.length > 0; count++) this.forget(ending.pop() as number);
    this.#ending = ending.length === 0 ? undefined : ending;
    return ending.length === 0;
  }

  /** All rows, whose timers are out. */
  #endAll(): number[] {
    this.#defragmenter.finish();
    this.#trackExpired();
    const rows: number[] = [];
    for (let row = this.#timers.endAny(); row !== NO_ROW; row = this.#timers.endAny()) rows.push(row);
    const { numbers } = this.#table;
    return rows.sort((a, b) => (numbers[b * ROW_NUMBERS + ID] as number) - (numbers[a * ROW_NUMBERS + ID] as number));
  }

  /** Called by the streams: octets of a side, in order. */
  deliver(row: number, side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    this.#readers.data(row, side, bytes, from, to, timeUs);
    this.#payload(row, side, bytes, from, to);
  }

  /** Called by the streams. */
  gap(row: number, side: number, count: number): void {
    this.#readers.gap(row, side, count);
    this.#sampler.lose(2 * row + side);
  }

  /** Called by the streams: a segment from before the session's first. */
  stray(row: number, side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    if (!mayBeRequest(bytes, from, to)) return;
    const request = decodeHttpRequest(bytes, from, to);
    if (request !== undefined) this.http(row, { ...request, side, timeUs, status: null });
  }

  /** Called by the readers. */
  http(row: number, transaction: HttpTransaction): void {
    const isHttp2 = transaction.version === HTTP2_VERSION;
    this.#table.words[row * ROW_WORDS + PROTOCOL] = isHttp2 ? PROTOCOL_HTTP2 : PROTOCOL_HTTP;
    this.#reportHttp(row, transaction);
  }

  #reportHttp(row: number, transaction: HttpTransaction): void {
    this.counters.httpRequests++;
    this.#sink.http(renderHttp(this.#table, row, transaction));
  }

  /** Called by the readers. */
  handshake(row: number, facts: HandshakeFacts): void {
    const { words } = this.#table;
    const protocol = row * ROW_WORDS + PROTOCOL;
    // DTLS sets up the keys of what else is there: media (RFC 5764)
    if (facts.protocol !== "DTLS" || words[protocol] === PROTOCOL_NONE) words[protocol] = codeOf(facts.protocol);
    this.counters.handshakes++;
    this.#sink.handshake(renderHandshake(this.#table, row, facts));
  }

  /** Called by the readers. */
  openerOf(row: number): number {
    return (this.#table.words[row * ROW_WORDS + STATE] as number) & STATE_OPENER;
  }

  /** Called by the timers. */
  report(row: number): void {
    this.#reports.report(row, false);
  }

  /** Called by the timers too: reports a row, whose timer is out, as final and frees it. */
  forget(row: number): void {
    this.#streams.end(row);
    this.#readers.end(row);
    this.#waitingSyns.remove(row);
    this.#reports.report(row, true);
    this.#sampler.clear(row);
    this.#table.remove(row);
    this.counters.sessionsActive = this.#table.size;
  }

  #takePacket(): void {
    const packet = this.#packet;
    if (packet.truncated) this.counters.truncated++;
    if (packet.malformed) {
      this.counters.malformed++;
      this.counters.layersTooDeep = packet.tooDeepCount;
    }
    if (packet.ipVersion === 0) this.counters.notIp++;
    else if (!packet.waitsForFragments) this.#track();
  }

  /** Datagrams of which not all fragments came, each as what its first fragment says. */
  #trackExpired(): void {
    while (decodeExpired(this.#packet)) {
      if (this.#packet.waitsForFragments || this.#packet.ipVersion === 0) continue;
      this.#now = this.#defragmenter.expiredAtUs;
      this.#track();
    }
  }

  #track(): void {
    const packet = this.#packet;
    const table = this.#table;
    this.#packets++;
    this.#tuple.read(packet);
    const key = this.#tuple.words;
    const side = this.#tuple.side;
    const hash = table.hashOf(key);
    const { count, index } = this.#share;
    if (count > 1 && ((hash >>> 16) * count) >>> 16 !== index) return;
    let row = table.find(key, hash);
    if (row !== NO_ROW && packet.protocol === IP_TCP) {
      const isOver = isSyn(packet.tcpFlags) && isClosed(table.words[row * ROW_WORDS + FLAGS] as number);
      const syn = isOver ? undefined : this.#waitingSyns.answered(row, side, packet);
      if (isOver || syn !== undefined) row = this.#startAnew(row, key, hash, side, syn);
    }
    if (row === NO_ROW) row = this.#open(key, hash, side);
    const { numbers } = table;
    const base = row * ROW_NUMBERS;
    table.addPackets(row, side, packet.fragmentCount, packet.ipBytes);
    if (packet.protocol === IP_TCP && isSyn(packet.tcpFlags))
      if (this.#waitingSyns.take(row, side, packet, this.#now, this.#nextId())) return;
    if (this.#now > (numbers[base + END] as number)) numbers[base + END] = this.#now;
    else if (this.#now < (numbers[base + START] as number)) numbers[base + START] = this.#now; // frames out of order
    if (packet.laterFragment) return;
    if (packet.protocol === IP_TCP) this.#segment(row, side);
    else if (packet.payloadEnd > packet.payloadAt) this.#datagram(row, side);
  }

  #open(key: Int32Array, hash: number, side: number): number {
    const packet = this.#packet;
    const table = this.#table;
    if (table.full()) {
      this.forget(this.#timers.endOldest());
      this.counters.sessionsEvicted++;
    }
    const row = table.add(key, hash);
    const { words, numbers } = table;
    const base = row * ROW_NUMBERS;
    numbers[base + ID] = this.#nextId();
    numbers[base + START] = this.#now;
    numbers[base + END] = this.#now;
    words[row * ROW_WORDS + VLAN] = packet.vlan;
    words[row * ROW_WORDS + STATE] = (senderOpened(packet) ? side : 1 - side) * STATE_OPENER;
    this.#timers.begin(row, this.#now);
    this.counters.sessionsActive = table.size;
    return row;
  }

  /** Of the session that the packet at hand opens. */
  #nextId(): number {
    return this.#firstId + this.#idStride * (this.#packets - 1);
  }

  /** Ends the session and opens the next between the same endpoints: with the SYN that waited, if it is one's. */
  #startAnew(row: number, key: Int32Array, hash: number, side: number, syn: WaitingSyn | undefined): number {
    if (syn !== undefined) this.#table.addPackets(row, syn.side, -1, -syn.bytes);
    this.#timers.end(row);
    this.forget(row);
    const opened = this.#open(key, hash, side);
    if (syn === undefined) return opened;
    const { words, numbers } = this.#table;
    this.#table.addPackets(opened, syn.side, 1, syn.bytes);
    numbers[opened * ROW_NUMBERS + ID] = syn.id;
    numbers[opened * ROW_NUMBERS + START] = syn.timeUs;
    words[opened * ROW_WORDS + FLAGS] = FLAG_SYN << (8 * syn.side);
    noteSyn(words, opened, syn.side, FLAG_SYN, syn.sequence);
    this.#streams.begin(opened, syn.side, (syn.sequence + 1) | 0);
    return opened;
  }

  #segment(row: number, side: number): void {
    const packet = this.#packet;
    const { words } = this.#table;
    const base = row * ROW_WORDS;
    const flags = packet.tcpFlags;
    const before = words[base + FLAGS] as number;
    const after = before | (flags << (8 * side));
    if (after !== before) {
      words[base + FLAGS] = after;
      if (isClosed(after) && !isClosed(before)) this.#timers.renew(row);
    }
    let sequence = packet.tcpSequence;
    if ((flags & FLAG_SYN) !== 0) {
      sequence = (sequence + 1) | 0; // a SYN takes a sequence number; what it carries comes after (RFC 7413)
      noteSyn(words, row, side, flags, packet.tcpSequence);
      this.#streams.begin(row, side, sequence);
    }
    if (packet.payloadWireBytes > 0 && (flags & FLAG_RST) === 0)
      this.#streams.segment(row, side, packet, sequence, this.#now);
    if ((flags & FLAG_ACK) !== 0 && ((words[base + STATE] as number) & (STATE_HELD << (1 - side))) !== 0)
      this.#streams.acknowledge(row, side, packet.tcpAcknowledgment, this.#now);
  }

  #datagram(row: number, side: number): void {
    const { bytes, payloadAt, payloadEnd } = this.#packet;
    this.#payload(row, side, bytes, payloadAt, payloadEnd);
    if (this.#packet.protocol !== IP_UDP) return;
    const protocol = this.#table.words[row * ROW_WORDS + PROTOCOL] as number;
    this.#readers.datagram(row, protocol, side, bytes, payloadAt, payloadEnd, this.#now);
    if (startsRequestLine(bytes, payloadAt, payloadEnd)) this.#httpDatagram(row, side);
  }

  /** HTTP over UDP, a message a datagram (UPnP Device Architecture 2.0, section 1); other addresses answer than were asked. */
  #httpDatagram(row: number, side: number): void {
    const { bytes, payloadAt, payloadEnd } = this.#packet;
    const request = decodeHttpRequest(bytes, payloadAt, payloadEnd);
    if (request !== undefined) this.#reportHttp(row, { ...request, side, timeUs: this.#now, status: null });
  }

  #payload(row: number, side: number, bytes: Uint8Array, from: number, to: number): void {
    const { words } = this.#table;
    const base = row * ROW_WORDS;
    const chunks = words[base + CHUNKS + side] as number;
    if (chunks < CHUNKS_MAX) {
      words[base + CHUNKS + side] = chunks + 1;
      if (words[base + PROTOCOL] === PROTOCOL_NONE)
        words[base + PROTOCOL] = recogniseProtocol(
          bytes,
          from,
          to,
          keyProtocol(words, base),
          keyPort(words, base, side),
          keyPort(words, base, 1 - side),
        );
    }
    this.#sampler.add(2 * row + side, bytes, from, to, words[base + PROTOCOL] !== PROTOCOL_NONE);
  }
}

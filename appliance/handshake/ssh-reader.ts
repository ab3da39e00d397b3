import { decodeLatin1 } from "../../core/latin1.ts";
import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import type { StreamReader } from "../decode/stream-reader.ts";
import { type HandshakeSink, UNSEEN } from "./handshake-facts.ts";
import { renderHassh } from "./hassh.ts";
import { type SshCounters, zeroSshCounters } from "./ssh-counters.ts";

/** RFC 4253, section 4.2: a line of at most 255 octets, "SSH-2.0-...", which a server may send others before. */
const BANNER_MAX_BYTES = 255;
/** RFC 4253, section 6.1: packets of up to 35,000 octets must be understood. */
const PACKET_MAX_BYTES = 35_000;
const SIDE_MAX_BYTES = 48 * 1024;
const LF = 0x0a;
const CR = 0x0d;
const NOTHING = new Uint8Array(0);

/** What one side has sent so far, and what was read of it. */
class Side {
  bytes: Uint8Array = NOTHING;
  length = 0;
  banner: string | null = null;
  hassh: string | null = null;
  /** Where the line at hand, behind the banner the first packet, starts. */
  startAt = 0;
  /** Octets in which the end of the line was looked for. */
  searchedBytes = 0;
  /** Nothing more is wanted of it. */
  over = false;
  readonly #allowance: Allowance;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** False when there is no room for them. */
  append(bytes: Uint8Array, from: number, to: number): boolean {
    const wanted = Math.min(this.length + to - from, SIDE_MAX_BYTES);
    if (wanted > this.bytes.length) {
      const size = Math.min(SIDE_MAX_BYTES, 2 * wanted);
      if (!this.#allowance.take(size - this.bytes.length)) return false;
      const larger = new Uint8Array(size);
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(bytes.subarray(from, from + wanted - this.length), this.length);
    this.length = wanted;
    return true;
  }

  drop(): void {
    this.#allowance.give(this.bytes.length);
    this.bytes = NOTHING;
    this.length = 0;
    this.over = true;
  }
}

/** Reads the banners and the first KEXINIT of both sides of an SSH 2 session (RFC 4253, sections 4.2 and 7.1). */
export class SshReader implements StreamReader {
  readonly #sides: readonly [Side, Side];
  readonly #sink: HandshakeSink;
  readonly #clientSide: number;
  readonly #counters: SshCounters;
  #timeUs = 0;
  #done = false;

  /** The octets don't say who is the client: `clientSide` opened the session. */
  constructor(
    sink: HandshakeSink,
    clientSide: number,
    counters: SshCounters = zeroSshCounters(),
    allowance: Allowance = ownAllowance(),
  ) {
    this.#sink = sink;
    this.#sides = [new Side(allowance), new Side(allowance)];
    this.#counters = counters;
    this.#clientSide = clientSide;
  }

  get done(): boolean {
    return this.#done;
  }

  data(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    const own = this.#sides[side === 0 ? 0 : 1];
    if (this.#done || own.over) return;
    if (this.#timeUs === 0) this.#timeUs = timeUs;
    const isKept = own.append(bytes, from, to);
    if (isKept) this.#read(own, side === this.#clientSide);
    if (!isKept || own.length === SIDE_MAX_BYTES) this.#giveUp(own);
    if (this.#sides[0].over && this.#sides[1].over) this.end();
  }

  gap(side: number, _count: number): void {
    this.#sides[side === 0 ? 0 : 1].drop();
    if (this.#sides[0].over && this.#sides[1].over) this.end();
  }

  end(): void {
    if (this.#done) return;
    this.#done = true;
    for (const side of this.#sides) side.drop();
    const client = this.#sides[this.#clientSide === 0 ? 0 : 1];
    const server = this.#sides[this.#clientSide === 0 ? 1 : 0];
    if (client.banner === null && server.banner === null) return;
    this.#sink({
      ...UNSEEN,
      protocol: "SSH",
      clientSide: this.#clientSide,
      timeUs: this.#timeUs,
      clientBanner: client.banner,
      serverBanner: server.banner,
      hassh: client.hassh,
      hasshServer: server.hassh,
    });
  }

  #read(own: Side, isClient: boolean): void {
    if (own.banner === null && !readBanner(own)) return;
    const packetAt = own.startAt;
    if (own.length < packetAt + 5) return;
    const { bytes } = own;
    const packetBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(packetAt);
    const paddingBytes = bytes[packetAt + 4] as number;
    if (packetBytes > PACKET_MAX_BYTES) this.#giveUp(own);
    else if (paddingBytes + 1 > packetBytes) own.drop();
    if (own.over) return;
    const end = packetAt + 4 + packetBytes;
    if (own.length < end) return;
    own.hassh = renderHassh(bytes.subarray(packetAt + 5, end - paddingBytes), isClient) ?? null;
    own.drop();
  }

  #giveUp(own: Side): void {
    this.#counters.sshSidesGivenUp++;
    own.drop();
  }
}

/** Looks for the line that starts with "SSH-", and keeps its text; false while that hasn't come. Each octet is looked at once. */
function readBanner(own: Side): boolean {
  const { bytes, length } = own;
  for (; own.searchedBytes < length; own.searchedBytes++) {
    if (bytes[own.searchedBytes] !== LF) continue;
    const { startAt, searchedBytes: lineEnd } = own;
    own.startAt = lineEnd + 1;
    if (decodeLatin1(bytes, startAt, Math.min(startAt + 4, lineEnd)) !== "SSH-") continue;
    const end = bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    own.banner = decodeLatin1(bytes, startAt, Math.min(end, startAt + BANNER_MAX_BYTES));
    return true;
  }
  return false;
}

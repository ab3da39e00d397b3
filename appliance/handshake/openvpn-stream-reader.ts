import { type Allowance, ownAllowance } from "../decode/reader-budget.ts";
import type { StreamReader } from "../decode/stream-reader.ts";
import type { OpenVpnReader } from "./openvpn-reader.ts";

const LENGTH_BYTES = 2;
/** Longer packets are no control packets: they are passed over. */
const KEPT_MAX_BYTES = 4096;
/** Header, count of acknowledgements, message id. */
const RESET_LEAST_BYTES = 14;
const NOTHING = new Uint8Array(0);

/** Octets of one side: packets, each with its length of two octets before it. */
class Side {
  /** Octets of the length that have come. */
  lengthBytes = 0;
  length = 0;
  /** Octets of the packet that have come. */
  come = 0;
  kept = NOTHING;
  isLost = false;
}

/** OpenVPN over TCP. Where octets are lost it isn't known any more where a packet starts: the rest of that side is not read. */
export class OpenVpnStreamReader implements StreamReader {
  readonly #reader: OpenVpnReader;
  readonly #allowance: Allowance;
  readonly #sides: readonly [Side, Side] = [new Side(), new Side()];

  constructor(reader: OpenVpnReader, allowance: Allowance = ownAllowance()) {
    this.#reader = reader;
    this.#allowance = allowance;
  }

  get done(): boolean {
    return this.#reader.done;
  }

  data(side: number, bytes: Uint8Array, from: number, to: number, timeUs: number): void {
    const own = this.#sides[side === 0 ? 0 : 1];
    if (own.isLost) return;
    let at = from;
    while (at < to && !this.done) at = this.#take(side, own, bytes, at, to, timeUs);
  }

  gap(side: number): void {
    this.#sides[side === 0 ? 0 : 1].isLost = true;
    if (this.#sides[0].isLost && this.#sides[1].isLost) this.end();
  }

  end(): void {
    this.#reader.end();
    this.#allowance.giveAll();
  }

  #take(side: number, own: Side, bytes: Uint8Array, from: number, to: number, timeUs: number): number {
    if (own.lengthBytes < LENGTH_BYTES) {
      own.length = (own.length << 8) | (bytes[from] as number);
      own.lengthBytes++;
      return from + 1;
    }
    const end = Math.min(to, from + own.length - own.come);
    if (own.come === 0 && end - from === own.length) this.#reader.datagram(side, bytes, from, end, timeUs);
    else if (own.length <= KEPT_MAX_BYTES) this.#keep(own, bytes, from, end);
    own.come += end - from;
    if (own.come < own.length) return end;
    this.#allowance.give(own.kept.length);
    if (own.kept.length > 0) this.#reader.datagram(side, own.kept, 0, own.length, timeUs);
    own.lengthBytes = 0;
    own.length = 0;
    own.come = 0;
    own.kept = NOTHING;
    return end;
  }

  #keep(own: Side, bytes: Uint8Array, from: number, to: number): void {
    if (own.come === 0 && this.#allowance.take(own.length)) own.kept = new Uint8Array(own.length);
    if (own.kept.length > 0) own.kept.set(bytes.subarray(from, to), own.come);
  }
}

/** A side's first packet, the reset that opens a session: its length, opcode and key 0, a session id, and nothing behind it. */
export function startsOpenVpnStream(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < LENGTH_BYTES + RESET_LEAST_BYTES || bytes[from] !== 0) return false;
  const opcode = (bytes[from + LENGTH_BYTES] as number) >> 3;
  const isReset = (opcode === 7 || opcode === 8) && ((bytes[from + LENGTH_BYTES] as number) & 7) === 0;
  return isReset && from + LENGTH_BYTES + (bytes[from + 1] as number) === to;
}

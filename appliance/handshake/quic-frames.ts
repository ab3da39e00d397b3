import { varintAt, varintBytes } from "./quic-packet.ts";

/** RFC 9000, section 19: what an Initial packet may hold (section 12.4). */
const PADDING = 0x00;
const PING = 0x01;
const ACK = 0x02;
const ACK_ECN = 0x03;
const CRYPTO = 0x06;
/** gQUIC's own numbers: Q050, T050 and T051 have kept them. */
const GOOGLE_PING = 0x07;
const GOOGLE_CRYPTO = 0x08;
/** 01nullmm: whether there are ranges, and sizes of the two numbers. */
const GOOGLE_ACK = 0x40;
const GOOGLE_ACK_MASK = 0xc0;
const GOOGLE_ACK_RANGES = 0x20;
/** Frames of a packet that are looked at, apart from padding. */
const FRAMES_MAX = 256;
const ACK_RANGES_MAX = 256;

/** Hands on what is in the CRYPTO frames of an Initial packet, as far as it is well-formed. */
export function readCryptoFrames(
  payload: Uint8Array,
  frames: "ietf" | "google",
  crypto: (offsetBytes: number, data: Uint8Array) => void,
): void {
  const google = frames === "google";
  const end = payload.length;
  let at = 0;
  for (let count = 0; count < FRAMES_MAX; count++) {
    while (at < end && payload[at] === PADDING) at++;
    if (at >= end) return;
    const type = payload[at] as number;
    if (type === (google ? GOOGLE_PING : PING)) at++;
    else if (type === (google ? GOOGLE_CRYPTO : CRYPTO)) {
      const offsetBytes = varintAt(payload, at + 1, end);
      if (offsetBytes < 0) return;
      const lengthAt = at + 1 + varintBytes(payload[at + 1] as number);
      const lengthBytes = varintAt(payload, lengthAt, end);
      if (lengthBytes < 0) return;
      const dataAt = lengthAt + varintBytes(payload[lengthAt] as number);
      if (dataAt + lengthBytes > end) return;
      crypto(offsetBytes, payload.subarray(dataAt, dataAt + lengthBytes));
      at = dataAt + lengthBytes;
    } else if (google && (type & GOOGLE_ACK_MASK) === GOOGLE_ACK) at = endOfGoogleAck(payload, at);
    else if (!google && (type === ACK || type === ACK_ECN)) {
      at = endOfAck(payload, at, end, type === ACK_ECN);
      if (at < 0) return;
    } else return; // CONNECTION_CLOSE: nothing follows
  }
}

/** RFC 9000, section 19.3: largest, delay, number of ranges, first range; two numbers a range; three counts of ECN. */
function endOfAck(payload: Uint8Array, from: number, end: number, ecn: boolean): number {
  let at = from + 1;
  let numbers = 4;
  for (let i = 0; i < numbers; i++) {
    const value = varintAt(payload, at, end);
    if (value < 0) return -1;
    if (i === 2) {
      if (value > ACK_RANGES_MAX) return -1;
      numbers += 2 * value + (ecn ? 3 : 0);
    }
    at += varintBytes(payload[at] as number);
  }
  return at;
}

/**
 * "QUIC Wire Layout Specification" (Google, 2016), ACK frame: largest, delay (2 octets), number of ranges where there are any,
 * first range, three or more octets a range; then the number of time stamps, 5 octets for the first, 3 for each further.
 */
function endOfGoogleAck(payload: Uint8Array, from: number): number {
  const type = payload[from] as number;
  const largestBytes = sizeOf(type >>> 2);
  const rangeBytes = sizeOf(type);
  let at = from + 1 + largestBytes + 2;
  let ranges = 0;
  if ((type & GOOGLE_ACK_RANGES) !== 0) ranges = payload[at++] ?? 0;
  at += rangeBytes + ranges * (1 + rangeBytes);
  const stamps = payload[at++] ?? 0;
  return at + (stamps === 0 ? 0 : 5 + 3 * (stamps - 1));
}

/** 1, 2, 4 or 6 octets. */
function sizeOf(code: number): number {
  const bits = code & 3;
  return bits === 0 ? 1 : 2 * bits;
}

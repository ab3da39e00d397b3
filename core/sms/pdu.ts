import { type Decoded, malformed, ok, truncated } from "../decoded.ts";
import { decodeAddress, encodeAddress } from "./address.ts";
import { decodeTimestamp, encodeTimestamp, TIMESTAMP_BYTES } from "./timestamp.ts";

/**
 * SMS-SUBMIT and SMS-DELIVER, 3GPP TS 23.040, sections 9.2.2.1 and 9.2.2.2, in the hexadecimal form that AT+CMGS and
 * +CMT use (3GPP TS 27.005): address of the service centre, then the TPDU.
 */
export const USER_DATA_LIMIT_BYTES = 140;
const SEPTETS_MAX = 160;
/** Longest service-centre address (12) and TPDU (1 + 1 + 12 + 1 + 1 + 7 + 1 + 140), in hexadecimal. */
const PDU_LIMIT_CHARACTERS = 2 * (12 + 164);
const MESSAGE_TYPE_MASK = 0x03;
const DELIVER = 0x00;
const SUBMIT = 0x01;
const NO_MORE_MESSAGES = 0x04;
const USER_DATA_HEADER = 0x40;
/** TP-VPF, section 9.2.3.3, and the octets of TP-VP that each means. */
const VALIDITY_SHIFT = 3;
const VALIDITY_BYTES = [0, 7, 1, 7] as const;
/** TP-DCS, 3GPP TS 23.038, section 4: general group, 8 bit, no class. */
const CODING_8BIT = 0x04;

export interface UserData {
  /** Octets as they were sent: for `7bit`, packed septets. */
  readonly userData: Uint8Array;
  readonly alphabet: "7bit" | "8bit" | "ucs2";
  /** TP-UDL: septets for `7bit`, else octets. */
  readonly userDataLength: number;
  /** The data begins with a header (a part of a long message, a port). */
  readonly hasHeader: boolean;
}

export interface Submit extends UserData {
  readonly number: string;
  readonly reference: number;
}

export interface Deliver extends UserData {
  readonly from: string;
  /** Unix milliseconds, by the service centre's clock. */
  readonly atMs: number;
}

export interface SubmitPdu {
  readonly pdu: string;
  /** What AT+CMGS wants: without the service centre's address. */
  readonly tpduLengthBytes: number;
}

/** SMS-SUBMIT by the service centre stored in the SIM, 8-bit data, the network's own validity period. */
export function encodeSubmitPdu(number: string, userData: Uint8Array): SubmitPdu {
  const tpdu = join([SUBMIT, 0], encodeAddress(number), [0, CODING_8BIT, lengthOf(userData)], userData);
  return { pdu: `00${tpdu.toHex().toUpperCase()}`, tpduLengthBytes: tpdu.length };
}

export function encodeDeliverPdu(message: { from: string; atMs: number; userData: Uint8Array }): string {
  const { from, atMs, userData } = message;
  const head = join([0, DELIVER | NO_MORE_MESSAGES], encodeAddress(from), [0, CODING_8BIT], encodeTimestamp(atMs));
  return join(head, [lengthOf(userData)], userData)
    .toHex()
    .toUpperCase();
}

export function decodeSubmitPdu(hex: string): Decoded<Submit> {
  const start = readStart(hex, SUBMIT);
  if (!start.ok) return start;
  const { bytes, first, atOffset } = start.value;
  const reference = bytes[atOffset];
  if (reference === undefined) return truncated(bytes.length);
  const address = decodeAddress(bytes, atOffset + 1);
  if (!address.ok) return address;
  const codingAt = atOffset + 1 + address.value.lengthBytes + 1;
  const validityBytes = VALIDITY_BYTES[(first >> VALIDITY_SHIFT) & 3] ?? 0;
  const data = readUserData(bytes, codingAt, codingAt + 1 + validityBytes, first);
  return data.ok ? ok({ number: address.value.text, reference, ...data.value }) : data;
}

export function decodeDeliverPdu(hex: string): Decoded<Deliver> {
  const start = readStart(hex, DELIVER);
  if (!start.ok) return start;
  const { bytes, first, atOffset } = start.value;
  const address = decodeAddress(bytes, atOffset);
  if (!address.ok) return address;
  const codingAt = atOffset + address.value.lengthBytes + 1;
  const time = decodeTimestamp(bytes, codingAt + 1);
  if (!time.ok) return time;
  const data = readUserData(bytes, codingAt, codingAt + 1 + TIMESTAMP_BYTES, first);
  return data.ok ? ok({ from: address.value.text, atMs: time.value, ...data.value }) : data;
}

interface Start {
  readonly bytes: Uint8Array;
  readonly first: number;
  /** Behind the first octet of the TPDU. */
  readonly atOffset: number;
}

function readStart(hex: string, type: number): Decoded<Start> {
  const bytes = bytesOfHex(hex);
  if (!bytes.ok) return bytes;
  const centreBytes = bytes.value[0];
  if (centreBytes === undefined) return truncated(0);
  if (centreBytes > 11) return malformed(0); // one octet of type and ten of digits
  const first = bytes.value[1 + centreBytes];
  if (first === undefined) return truncated(bytes.value.length);
  if ((first & MESSAGE_TYPE_MASK) !== type) return malformed(1 + centreBytes);
  return ok({ bytes: bytes.value, first, atOffset: 2 + centreBytes });
}

function readUserData(bytes: Uint8Array, codingAt: number, lengthAt: number, first: number): Decoded<UserData> {
  const coding = bytes[codingAt];
  const length = bytes[lengthAt];
  if (coding === undefined || length === undefined) return truncated(bytes.length);
  const alphabet = alphabetOf(coding);
  if (alphabet === undefined) return malformed(codingAt);
  if (length > (alphabet === "7bit" ? SEPTETS_MAX : USER_DATA_LIMIT_BYTES)) return malformed(lengthAt);
  const endAt = lengthAt + 1 + (alphabet === "7bit" ? Math.ceil((length * 7) / 8) : length);
  if (endAt > bytes.length) return truncated(bytes.length);
  if (endAt < bytes.length) return malformed(endAt);
  const hasHeader = (first & USER_DATA_HEADER) !== 0;
  return ok({ userData: bytes.slice(lengthAt + 1, endAt), alphabet, userDataLength: length, hasHeader });
}

/** 3GPP TS 23.038, section 4; undefined for compressed and reserved codings. */
function alphabetOf(coding: number): UserData["alphabet"] | undefined {
  const group = coding >> 4;
  if (group === 0xf) return (coding & 0x04) === 0 ? "7bit" : "8bit";
  if (group === 0xc || group === 0xd) return "7bit";
  if (group === 0xe) return "ucs2";
  if (group > 7 || (coding & 0x20) !== 0) return undefined;
  return (["7bit", "8bit", "ucs2", undefined] as const)[(coding >> 2) & 3];
}

function bytesOfHex(hex: string): Decoded<Uint8Array> {
  if (hex.length > PDU_LIMIT_CHARACTERS) return malformed(PDU_LIMIT_CHARACTERS);
  const wrongAt = hex.search(/[^0-9A-Fa-f]/);
  if (wrongAt >= 0) return malformed(wrongAt);
  if (hex.length % 2 !== 0) return truncated(hex.length);
  return ok(Uint8Array.fromHex(hex));
}

function lengthOf(userData: Uint8Array): number {
  if (userData.length <= USER_DATA_LIMIT_BYTES) return userData.length;
  throw new RangeError(`user data of ${userData.length} octets: at most ${USER_DATA_LIMIT_BYTES} fit one message`);
}

function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let atOffset = 0;
  for (const part of parts) {
    bytes.set(part, atOffset);
    atOffset += part.length;
  }
  return bytes;
}

import { type Decoded, malformed, ok, truncated } from "../decoded.ts";
import { SENSOR_ID_PATTERN } from "./identity.ts";

/**
 * The emergency message, sensor to base, in one SMS: big-endian, 108 octets, of which the last 64 are an Ed25519
 * signature (RFC 8032) over EMERGENCY_LABEL and the 44 octets before it. `core/node/signed-message.ts` signs and
 * verifies; nothing here believes what it decodes.
 *
 * | at | octets | field |
 * | --- | --- | --- |
 * | 0 | 1 | 0xC1 |
 * | 1 | 1 | id of the sensor's signing key |
 * | 2 | 8 | sensor id |
 * | 10, 12 | 2, 2 | boot counter, sequence in this boot |
 * | 14 | 4 | time, Unix seconds |
 * | 18 | 4 | reasons, by bit |
 * | 22, 26 | 4, 4 | latitude, longitude, signed 1e-7 degree; 0x80000000 none |
 * | 30 | 2 | accuracy, m; 0xffff none |
 * | 32 | 2 | age of the fix, s; 0xffff none or older |
 * | 34, 36 | 2, 2 | MCC (0 none), MNC |
 * | 38 | 4 | cell id; 0xffffffff none |
 * | 42 | 1 | flags, by bit |
 * | 43 | 1 | battery, %; 255 none |
 * | 44 | 64 | signature |
 */
export const EMERGENCY_BODY_BYTES = 44;
export const EMERGENCY_BYTES = 108;
export const EMERGENCY_LABEL = "cepa-sos-1";
const EMERGENCY_MAGIC = 0xc1;
const NO_POSITION = -0x80000000;
const NO_UINT16 = 0xffff;
const NO_CELL = 0xffffffff;
const NO_BATTERY = 255;
const MNC_THREE_DIGITS = 0x01;

/** By bit, from the lowest. */
export const EMERGENCY_REASONS = [
  "test",
  "vpnLost",
  "moved",
  "newCell",
  "caseOpen",
  "powerLost",
  "keyRefused",
  "keyHeld",
  "spanWithoutCarrier",
  "gnssAntenna",
  "jamming",
  "diskOrVerityFault",
  "closedOwnStore",
  "updateFailed",
  "clockDoubtful",
  "tamperChipGone",
] as const;
/** `bit16`..`bit31` are reasons of a later version. */
export type EmergencyReason = (typeof EMERGENCY_REASONS)[number] | `bit${number}`;

/** By bit; bit 0 says that the MNC has three digits and shows in `cell`. Bit 7 is not used. */
const FLAGS = [
  ["storeLocked", 0x02],
  ["vpnUp", 0x04],
  ["mainsPower", 0x08],
  ["caseOpenLatched", 0x10],
  ["captureRunning", 0x20],
  ["timeFromGps", 0x40],
] as const;
export type EmergencyFlags = Readonly<Record<(typeof FLAGS)[number][0], boolean>>;

export interface EmergencyPosition {
  readonly latitudeDeg: number;
  readonly longitudeDeg: number;
}

export interface Cell {
  readonly mcc: number;
  readonly mnc: number;
  readonly mncDigits: 2 | 3;
}

export interface Emergency {
  readonly keyId: number;
  readonly sensorId: string;
  readonly bootCounter: number;
  readonly sequence: number;
  /** Unix seconds, by the sensor's clock. */
  readonly timeS: number;
  /** In the order of their bits. */
  readonly reasons: readonly EmergencyReason[];
  readonly position: EmergencyPosition | null;
  readonly accuracyM: number | null;
  /** null: no fix, or older than 65,534 s. */
  readonly fixAgeS: number | null;
  readonly network: Cell | null;
  readonly cellId: number | null;
  readonly flags: EmergencyFlags;
  readonly batteryPercent: number | null;
}

/** The 44 octets that are signed. Throws a RangeError on a record that has no such form: a slip of ours, not input. */
export function encodeEmergencyBody(emergency: Emergency): Uint8Array {
  if (!SENSOR_ID_PATTERN.test(emergency.sensorId)) throw new RangeError(`no sensor id: ${emergency.sensorId}`);
  const bytes = new Uint8Array(EMERGENCY_BODY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, EMERGENCY_MAGIC);
  view.setUint8(1, within(emergency.keyId, 0xff, "keyId"));
  bytes.set(Uint8Array.fromHex(emergency.sensorId), 2);
  view.setUint16(10, within(emergency.bootCounter, 0xffff, "bootCounter"));
  view.setUint16(12, within(emergency.sequence, 0xffff, "sequence"));
  view.setUint32(14, within(emergency.timeS, 0xffffffff, "timeS"));
  view.setUint32(18, reasonBits(emergency.reasons));
  const position = emergency.position;
  view.setInt32(22, position === null ? NO_POSITION : degrees(position.latitudeDeg, 90));
  view.setInt32(26, position === null ? NO_POSITION : degrees(position.longitudeDeg, 180));
  view.setUint16(30, emergency.accuracyM === null ? NO_UINT16 : Math.min(Math.ceil(emergency.accuracyM), 0xfffe));
  view.setUint16(32, emergency.fixAgeS === null ? NO_UINT16 : Math.min(Math.ceil(emergency.fixAgeS), NO_UINT16));
  view.setUint16(34, within(emergency.network?.mcc ?? 0, 999, "mcc"));
  view.setUint16(36, within(emergency.network?.mnc ?? 0, 999, "mnc"));
  view.setUint32(38, emergency.cellId === null ? NO_CELL : within(emergency.cellId, NO_CELL - 1, "cellId"));
  let flags = emergency.network?.mncDigits === 3 ? MNC_THREE_DIGITS : 0;
  for (const [name, bit] of FLAGS) if (emergency.flags[name]) flags |= bit;
  view.setUint8(42, flags);
  view.setUint8(43, emergency.batteryPercent === null ? NO_BATTERY : within(emergency.batteryPercent, 100, "battery"));
  return bytes;
}

/** Reads 108 octets; the signature is NOT verified here. */
export function decodeEmergency(bytes: Uint8Array): Decoded<Emergency> {
  if (bytes.length < EMERGENCY_BYTES) return truncated(bytes.length);
  if (bytes.length > EMERGENCY_BYTES) return malformed(EMERGENCY_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== EMERGENCY_MAGIC) return malformed(0);
  const latitude = view.getInt32(22);
  const longitude = view.getInt32(26);
  const noPosition = latitude === NO_POSITION && longitude === NO_POSITION;
  if (!noPosition && Math.abs(latitude) > 90e7) return malformed(22);
  if (!noPosition && Math.abs(longitude) > 180e7) return malformed(26);
  const mcc = view.getUint16(34);
  const mnc = view.getUint16(36);
  const flags = view.getUint8(42);
  const mncDigits = (flags & MNC_THREE_DIGITS) === 0 ? 2 : 3;
  if (mcc > 999) return malformed(34);
  if (mnc > (mncDigits === 2 ? 99 : 999)) return malformed(36);
  const battery = view.getUint8(43);
  if (battery > 100 && battery !== NO_BATTERY) return malformed(43);
  return ok({
    keyId: view.getUint8(1),
    sensorId: bytes.subarray(2, 10).toHex(),
    bootCounter: view.getUint16(10),
    sequence: view.getUint16(12),
    timeS: view.getUint32(14),
    reasons: reasonsOf(view.getUint32(18)),
    position: noPosition ? null : { latitudeDeg: latitude / 1e7, longitudeDeg: longitude / 1e7 },
    accuracyM: orNull(view.getUint16(30), NO_UINT16),
    fixAgeS: orNull(view.getUint16(32), NO_UINT16),
    network: mcc === 0 ? null : { mcc, mnc, mncDigits },
    cellId: orNull(view.getUint32(38), NO_CELL),
    flags: Object.fromEntries(FLAGS.map(([name, bit]) => [name, (flags & bit) !== 0])) as EmergencyFlags,
    batteryPercent: orNull(battery, NO_BATTERY),
  });
}

/** 144 characters of base64url (RFC 4648, section 5), for a gateway that carries text only. */
export function encodeEmergencyText(message: Uint8Array): string {
  return message.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The 108 octets in a text; white space around them is ignored. */
export function decodeEmergencyText(text: string): Decoded<Uint8Array> {
  const characters = text.trim();
  const wrongAt = characters.search(/[^A-Za-z0-9_-]/);
  if (wrongAt >= 0) return malformed(wrongAt);
  if (characters.length < 144) return truncated(characters.length);
  if (characters.length > 144) return malformed(144);
  return ok(Uint8Array.fromBase64(characters, { alphabet: "base64url" }));
}

function reasonBits(reasons: readonly EmergencyReason[]): number {
  let bits = 0;
  for (const reason of reasons) {
    const known = (EMERGENCY_REASONS as readonly string[]).indexOf(reason);
    bits |= 1 << within(known >= 0 ? known : Number(reason.slice("bit".length)), 31, reason);
  }
  return bits >>> 0;
}

function reasonsOf(bits: number): EmergencyReason[] {
  const reasons: EmergencyReason[] = [];
  for (let bit = 0; bit < 32; bit++)
    if (((bits >>> bit) & 1) !== 0) reasons.push(EMERGENCY_REASONS[bit] ?? `bit${bit}`);
  return reasons;
}

function degrees(valueDeg: number, mostDeg: number): number {
  if (!(Math.abs(valueDeg) <= mostDeg)) throw new RangeError(`no angle within ${mostDeg} degrees: ${valueDeg}`);
  return Math.round(valueDeg * 1e7);
}

function within(value: number, most: number, name: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RangeError(`${name}: expected an integer, 0..${most}, found ${value}`);
}

function orNull(value: number, none: number): number | null {
  return value === none ? null : value;
}

import { type Decoded, malformed, ok, truncated } from "../decoded.ts";
import { SENSOR_ID_PATTERN } from "./identity.ts";

/**
 * A command, base to sensor, in one SMS: big-endian, 87 octets, of which the last 64 are an Ed25519 signature
 * (RFC 8032) over COMMAND_LABEL and the 23 octets before it. `core/node/signed-message.ts` signs and verifies.
 *
 * | at | octets | field |
 * | --- | --- | --- |
 * | 0 | 1 | 0xC2 |
 * | 1 | 1 | id of base's signing key |
 * | 2 | 8 | sensor id |
 * | 10 | 4 | counter, greater than the last accepted |
 * | 14 | 1 | kind |
 * | 15 | 4 | argument |
 * | 19 | 4 | time, Unix seconds |
 * | 23 | 64 | signature |
 */
export const COMMAND_BODY_BYTES = 23;
export const COMMAND_BYTES = 87;
export const COMMAND_LABEL = "cepa-cmd-1";
const COMMAND_MAGIC = 0xc2;

/** By number. */
export const COMMAND_KINDS = [
  "acknowledge",
  "locate",
  "lock",
  "askAgainForKey",
  "silence",
  "reboot",
  "openCellularTunnel",
  "wipe",
  "resetSettings",
] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

/** What is asked; data that only one kind has lives in that kind. */
export type CommandAction =
  | { readonly kind: "acknowledge"; readonly bootCounter: number; readonly sequence: number }
  /** Unix seconds. */
  | { readonly kind: "silence" | "openCellularTunnel"; readonly untilS: number }
  | { readonly kind: "locate" | "lock" | "askAgainForKey" | "reboot" | "wipe" | "resetSettings" };

export interface Command {
  readonly keyId: number;
  readonly sensorId: string;
  readonly counter: number;
  /** Unix seconds, by base's clock. */
  readonly timeS: number;
  readonly action: CommandAction;
}

/** The 23 octets that are signed. Throws a RangeError on a record that has no such form. */
export function encodeCommandBody(command: Command): Uint8Array {
  if (!SENSOR_ID_PATTERN.test(command.sensorId)) throw new RangeError(`no sensor id: ${command.sensorId}`);
  const bytes = new Uint8Array(COMMAND_BODY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, COMMAND_MAGIC);
  view.setUint8(1, within(command.keyId, 0xff, "keyId"));
  bytes.set(Uint8Array.fromHex(command.sensorId), 2);
  view.setUint32(10, within(command.counter, 0xffffffff, "counter"));
  view.setUint8(14, COMMAND_KINDS.indexOf(command.action.kind));
  view.setUint32(15, argumentOf(command.action));
  view.setUint32(19, within(command.timeS, 0xffffffff, "timeS"));
  return bytes;
}

/** Reads 87 octets; the signature is NOT verified here. */
export function decodeCommand(bytes: Uint8Array): Decoded<Command> {
  if (bytes.length < COMMAND_BYTES) return truncated(bytes.length);
  if (bytes.length > COMMAND_BYTES) return malformed(COMMAND_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== COMMAND_MAGIC) return malformed(0);
  const kind = COMMAND_KINDS[view.getUint8(14)];
  if (kind === undefined) return malformed(14);
  return ok({
    keyId: view.getUint8(1),
    sensorId: bytes.subarray(2, 10).toHex(),
    counter: view.getUint32(10),
    timeS: view.getUint32(19),
    action: actionOf(kind, view.getUint32(15)),
  });
}

function argumentOf(action: CommandAction): number {
  switch (action.kind) {
    case "acknowledge":
      return within(action.bootCounter, 0xffff, "bootCounter") * 0x10000 + within(action.sequence, 0xffff, "sequence");
    case "silence":
    case "openCellularTunnel":
      return within(action.untilS, 0xffffffff, "untilS");
    default:
      return 0;
  }
}

function actionOf(kind: CommandKind, argument: number): CommandAction {
  switch (kind) {
    case "acknowledge":
      return { kind, bootCounter: argument >>> 16, sequence: argument & 0xffff };
    case "silence":
    case "openCellularTunnel":
      return { kind, untilS: argument };
    default:
      return { kind };
  }
}

function within(value: number, most: number, name: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RangeError(`${name}: expected an integer, 0..${most}, found ${value}`);
}

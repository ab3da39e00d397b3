import type { Cell } from "../../core/contract/emergency.ts";

/** Readers of lines that a modem sends. 3GPP TS 27.007 unless said otherwise. */

export const AT_LINE_LIMIT_BYTES = 1024;

export type FinalResult = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** OK, ERROR, +CME ERROR and +CMS ERROR (3GPP TS 27.005) end an answer; undefined for any other line. */
export function parseFinalResult(line: string): FinalResult | undefined {
  if (line === "OK") return { ok: true };
  if (line === "ERROR" || line === "NO CARRIER" || line === "COMMAND NOT SUPPORT") return { ok: false, message: line };
  return /^\+CM[ES] ERROR: ?[\x20-\x7e]{1,80}$/.test(line) ? { ok: false, message: line } : undefined;
}

/**
 * Whether `line` belongs to the answer of `command`, or came by itself. `+CREG` and its kin come both ways: the answer
 * to a reading has the mode before the state (section 7.2), the unsolicited one has the state first and then a text.
 */
export function isAnswerTo(command: string, line: string): boolean {
  const name = /^AT(\+[A-Z]+)/.exec(command)?.[1];
  if (name === undefined || !line.startsWith(`${name}:`)) return false;
  return /^\+C(?:E|G|5G)?REG$/.test(name) ? /^\+[A-Z0-9]+: ?\d,\d(?:,|$)/.test(line) : true;
}

export interface Registration {
  readonly registered: boolean;
  readonly cellId: number | null;
}

/** `+CREG: n,stat[,lac,ci[,AcT]]` (section 7.2), and the same of +CEREG and +CGREG. */
export function parseRegistration(line: string): Registration | undefined {
  const fields = /^\+C(?:E|G|5G)?REG: ?\d,(\d{1,2})(?:,"?[0-9A-Fa-f]*"?,"?([0-9A-Fa-f]{1,8})"?)?/.exec(line);
  if (fields === null) return undefined;
  const registered = fields[1] === "1" || fields[1] === "5"; // home network, roaming
  const cellId = fields[2] === undefined ? null : Number.parseInt(fields[2], 16);
  return { registered, cellId: cellId === 0xffffffff ? null : cellId };
}

/** `+CSQ: rssi,ber` (section 8.5); 99 is not known. */
export function parseSignalQuality(line: string): number | null {
  const quality = Number(/^\+CSQ: ?(\d{1,3}),\d{1,3}$/.exec(line)?.[1]);
  return quality >= 0 && quality <= 31 ? quality : null;
}

/** `+COPS: mode,2,"MCCMNC"` (section 7.3) in numeric form. */
export function parseOperator(line: string): Cell | null {
  const digits = /^\+COPS: ?\d,2,"(\d{3})(\d{2,3})"/.exec(line);
  const [mcc, mnc] = [digits?.[1], digits?.[2]];
  if (mcc === undefined || mnc === undefined || Number(mcc) === 0) return null;
  return { mcc: Number(mcc), mnc: Number(mnc), mncDigits: mnc.length === 2 ? 2 : 3 };
}

/** `+CPIN: READY` (section 8.3): the SIM wants no PIN. */
export function isSimReady(line: string): boolean {
  return /^\+CPIN: ?READY$/.test(line);
}

/** `+CMGS: mr` (3GPP TS 27.005, section 4.3): the network took the message. */
export function parseMessageReference(line: string): number | undefined {
  const reference = Number(/^\+CMGS: ?(\d{1,3})(?:,.*)?$/.exec(line)?.[1]);
  return reference >= 0 && reference <= 255 ? reference : undefined;
}

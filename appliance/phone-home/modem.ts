import type { Cell } from "../../core/contract/emergency.ts";
import type { PhoneHomeStatus } from "../../core/contract/role.ts";
import type { Clock } from "../../core/ports.ts";
import type { SubmitPdu } from "../../core/sms/pdu.ts";
import { type AtChannel, ModemError } from "./at-channel.ts";
import {
  isSimReady,
  parseMessageReference,
  parseOperator,
  parseRegistration,
  parseSignalQuality,
  type Registration,
} from "./at-line.ts";

const COMMAND_TIMEOUT_MS = 10_000;
const SUBMIT_TIMEOUT_MS = 180_000;
const RADIO_PAUSE_MS = 2_000;
const RESET_PAUSE_MS = 10_000;

export interface ModemView {
  readonly condition: Exclude<PhoneHomeStatus["modem"], "absent">;
  readonly signalQuality: number | null;
  readonly network: Cell | null;
  readonly cellId: number | null;
}

export const SILENT_MODEM: ModemView = { condition: "silent", signalQuality: null, network: null, cellId: null };

/** No echo, numeric errors, PDU mode, new messages announced, cells told, operator in digits. */
const SETTINGS = ["ATE0", "AT+CMEE=1", "AT+CMGF=0", "AT+CNMI=2,1,0,1,0", "AT+CREG=2", "AT+CEREG=2", "AT+COPS=3,2"];

/** A setting that a modem refuses is left as it is: not every one knows LTE, and some want their SIM first. */
export async function initialiseModem(channel: AtChannel, signal: AbortSignal): Promise<void> {
  for (const setting of SETTINGS) await askOrNothing(channel, setting, signal);
}

export async function readModem(channel: AtChannel, signal: AbortSignal): Promise<ModemView> {
  const sim = await askOrNothing(channel, "AT+CPIN?", signal);
  const registrations = [
    parseRegistration((await askOrNothing(channel, "AT+CREG?", signal))[0] ?? ""),
    parseRegistration((await askOrNothing(channel, "AT+CEREG?", signal))[0] ?? ""),
  ].filter((one): one is Registration => one?.registered === true);
  const signalQuality = parseSignalQuality((await askOrNothing(channel, "AT+CSQ", signal))[0] ?? "");
  const network = parseOperator((await askOrNothing(channel, "AT+COPS?", signal))[0] ?? "");
  const cellId = registrations.find((one) => one.cellId !== null)?.cellId ?? null;
  const condition = !sim.some(isSimReady) ? "simLocked" : registrations.length > 0 ? "ready" : "notRegistered";
  return { condition, signalQuality, network, cellId };
}

/** Resolves with the message reference once the network has the message. Throws a ModemError, or AbortError. */
export async function sendPdu(channel: AtChannel, submit: SubmitPdu, signal: AbortSignal): Promise<number> {
  await channel.command("AT+CMGF=0", COMMAND_TIMEOUT_MS, signal);
  const lines = await channel.submit(submit.pdu, submit.tpduLengthBytes, SUBMIT_TIMEOUT_MS, signal);
  const reference = lines.map(parseMessageReference).find((one) => one !== undefined);
  if (reference === undefined) throw new ModemError("refused", "AT+CMGS: OK without a message reference");
  return reference;
}

export type Recovery = "retry" | "radio" | "reset";

/** What to do about a modem that failed `failures` times in a row. */
export function nextRecovery(failures: number): Recovery {
  if (failures <= 2) return "retry";
  return failures % 3 === 0 ? "radio" : "reset";
}

/** Throws a ModemError when the modem does not even answer to that. */
export async function recoverModem(
  channel: AtChannel,
  step: Recovery,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (step === "radio") {
    await askOrNothing(channel, "AT+CFUN=4", signal);
    await clock.sleep(RADIO_PAUSE_MS, signal);
    await askOrNothing(channel, "AT+CFUN=1", signal);
  } else if (step === "reset") {
    await askOrNothing(channel, "AT+CFUN=1,1", signal);
    await clock.sleep(RESET_PAUSE_MS, signal);
  }
}

/** The answer's lines; none when the modem refuses. */
async function askOrNothing(channel: AtChannel, command: string, signal: AbortSignal): Promise<string[]> {
  try {
    return await channel.command(command, COMMAND_TIMEOUT_MS, signal);
  } catch (error) {
    if (error instanceof ModemError && error.code === "refused") return [];
    throw error;
  }
}

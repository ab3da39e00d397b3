import { COMMAND_BYTES, type CommandKind, decodeCommand } from "../../core/contract/command.ts";

export interface CommandFacts {
  readonly sensorId: string;
  /** Unix milliseconds: a command of before it was for the box that this sensor was. */
  readonly flashedAtMs: number;
  /** Of the last command that was taken; 0: none. */
  readonly lastCounter: number;
  /** Whether base's key signed these octets. */
  isSigned(message: Uint8Array): boolean;
}

export type CommandVerdict =
  | { readonly state: "taken"; readonly kind: CommandKind; readonly counter: number }
  | { readonly state: "refused"; readonly why: string };

/** Whether a command of base's is obeyed. The first reason that stands against it is given. */
export function judgeCommand(message: Uint8Array, facts: CommandFacts): CommandVerdict {
  const refuse = (why: string): CommandVerdict => ({ state: "refused", why });
  if (message.length !== COMMAND_BYTES || !facts.isSigned(message)) return refuse("it is not signed by base");
  const decoded = decodeCommand(message);
  if (!decoded.ok) return refuse("this version does not know its kind");
  const { sensorId, counter, timeS, action } = decoded.value;
  if (sensorId !== facts.sensorId) return refuse("it is for another sensor");
  if (timeS * 1000 < facts.flashedAtMs) return refuse("it is older than this box");
  if (counter <= facts.lastCounter) return refuse("it was taken before");
  return { state: "taken", kind: action.kind, counter };
}

import type { KeyAdmission } from "../../core/contract/health.ts";
import { decodeSignatureLists, decodeVariableUpdate, type EfiSignature } from "../../core/efi-signature-list.ts";
import type { Clock } from "../../core/ports.ts";

/** A firmware that hangs or resets the box over such a write must not do so for ever. */
export const ATTEMPTS_MAX = 3;
const DETAIL_MAX = 200;

/** What the firmware keeps; names are those of UEFI 2.10, section 3.3, and of systemd, "The Boot Loader Interface". */
export type VariableName = "SecureBoot" | "SetupMode" | "db" | "dbx" | "LoaderImageIdentifier";

export interface FirmwareVariables {
  /** Content without its attributes; undefined where there is no such variable. */
  read(name: VariableName): Promise<Uint8Array | undefined>;
  /** Adds to db what is signed by a key in KEK. Rejects with a RefusedError when the firmware doesn't take it. */
  appendToDb(update: Uint8Array): Promise<void>;
}

export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

export interface AdmissionPorts {
  readonly clock: Clock;
  readonly variables: FirmwareVariables;
  /** How often this very update was tried on this box. */
  loadAttempts(update: Uint8Array): Promise<number>;
  /** On the disk when it resolves. */
  saveAttempts(update: Uint8Array, attempts: number): Promise<void>;
}

/**
 * Adds the certificates of `update` (EFI_VARIABLE_AUTHENTICATION_2, to be appended) to the firmware's db, when Secure Boot is on and db
 * lacks one: so the box takes what the next key signs. Nothing is written otherwise. Never rejects but for what the ports do.
 */
export async function admitKey(update: Uint8Array, ports: AdmissionPorts): Promise<KeyAdmission> {
  const { variables } = ports;
  const result = (name: KeyAdmission["result"], detail: string): KeyAdmission => ({
    atMs: ports.clock.nowMs(),
    result: name,
    detail: detail.replaceAll(/\s+/g, " ").slice(0, DETAIL_MAX),
  });
  const wanted = decodeVariableUpdate(update);
  if (!wanted.ok) return result("failed", `the image's update is ${wanted.reason} at octet ${wanted.atOffset}`);
  if (!(await isOn(variables, "SecureBoot"))) return result("off", "Secure Boot is off");
  if (await isOn(variables, "SetupMode")) return result("off", "the firmware is in setup mode");
  if (await holdsAll(variables, wanted.value)) return result("known", "");
  const attempts = await ports.loadAttempts(update);
  if (attempts >= ATTEMPTS_MAX) return result("refused", `tried ${attempts} times, and not any more`);
  await ports.saveAttempts(update, attempts + 1);
  try {
    await variables.appendToDb(update);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return result("refused", error.message);
  }
  if (!(await holdsAll(variables, wanted.value))) return result("failed", "the firmware took it, and db lacks it");
  return result("added", "");
}

export async function isOn(
  variables: Pick<FirmwareVariables, "read">,
  name: "SecureBoot" | "SetupMode",
): Promise<boolean> {
  return (await variables.read(name))?.[0] === 1;
}

async function holdsAll(variables: FirmwareVariables, wanted: readonly EfiSignature[]): Promise<boolean> {
  const lists = decodeSignatureLists((await variables.read("db")) ?? new Uint8Array());
  if (!lists.ok) return false;
  const isSame = (a: EfiSignature, b: EfiSignature) =>
    a.type === b.type && a.data.length === b.data.length && a.data.every((byte, at) => byte === b.data[at]);
  return wanted.every((one) => lists.value.some((other) => isSame(one, other)));
}

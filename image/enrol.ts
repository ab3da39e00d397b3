import type { SecureBootKey, SecureBootKeys } from "./secure-boot-keys.ts";
import { type Action, inTools } from "./step.ts";
import { VENDOR_FOLDER } from "./vendor-keys.ts";

/** Of the work folder, and of the root below usr/lib/cepa: the certificate of the next db, to be added to a box's db. */
export const NEXT_DB_UPDATE = "db-next.auth";

/** Runs a script in the tools tree, where the folder of keys is /keys. */
export function withKeys({ folder }: SecureBootKeys, script: string): Action {
  return { ...inTools("sh", ["-euc", script]), env: { CEPA_KEYS: folder } };
}

/**
 * What enrols a key, with the vendor's that were chosen to stay, in a firmware in setup mode: signed/KEY.auth of the work folder. PK signs
 * itself.
 */
export function enrolScript(key: SecureBootKey, keys: SecureBootKeys, epochS: number): string {
  const vendor = key === "PK" ? [] : (keys.vendor?.[key] ?? []).map((name) => `/keys/${VENDOR_FOLDER}/${key}/${name}`);
  const update = { certificates: [`/keys/${key}.crt`, ...vendor], output: `/work/signed/${key}.auth`, appends: false };
  return updateScript(key, update, keys, epochS);
}

/** What adds the next db to a box's db; the firmware takes it from anyone, since KEK has signed it. */
export function nextDbScript(keys: SecureBootKeys, epochS: number): string {
  const update = { certificates: ["/keys/db-next.crt"], output: `/work/${NEXT_DB_UPDATE}`, appends: true };
  return updateScript("db", update, keys, epochS);
}

interface VariableUpdate {
  /** PEM, or with the name *.esl lists as they are. */
  readonly certificates: readonly string[];
  readonly output: string;
  /** Adds to the variable; otherwise takes its place. */
  readonly appends: boolean;
}

/**
 * An update of the firmware's variable, signed with the key above it (UEFI 2.10, section 8.2.2). It bears the image's date: the firmware
 * takes none that is older than what it has, but what appends.
 */
function updateScript(
  key: SecureBootKey,
  { certificates, output, appends }: VariableUpdate,
  { ownerGuid }: SecureBootKeys,
  epochS: number,
): string {
  const signer = key === "db" ? "KEK" : "PK";
  const list = `${output}.esl`;
  return [
    `: > ${list}`,
    ...certificates.map((path) =>
      path.endsWith(".esl")
        ? `cat ${path} >> ${list}`
        : `cert-to-efi-sig-list -g ${ownerGuid} ${path} ${list}.one && cat ${list}.one >> ${list} && rm ${list}.one`,
    ),
    `sign-efi-sig-list ${appends ? "-a " : ""}-g ${ownerGuid} -t "$(date -u -d @${epochS} '+%Y-%m-%d %H:%M:%S')" ` +
      `-k /keys/${signer}.key -c /keys/${signer}.crt ${key} ${list} ${output}`,
    `rm ${list}`,
  ].join("; ");
}

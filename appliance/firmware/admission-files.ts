import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyAdmission } from "../../core/contract/health.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { type AdmissionPorts, ATTEMPTS_MAX } from "./admit-key.ts";

/** In the folder of the roles' sockets. */
const RESULT_FILE = "key-admission.json";
/** In the folder of the state partition that is the admission's own. */
const ATTEMPTS_FILE = "attempts.json";
const RESULTS: readonly string[] = ["known", "added", "off", "refused", "failed"] satisfies KeyAdmission["result"][];

/** How often an update was tried, told from others by its hash. A file that can't be read counts as all attempts: they are bounded. */
export function attemptsFile(stateFolder: string): Pick<AdmissionPorts, "loadAttempts" | "saveAttempts"> {
  const path = join(stateFolder, "firmware", ATTEMPTS_FILE);
  const hashOf = (update: Uint8Array) => createHash("sha256").update(update).digest("hex");
  return {
    async loadAttempts(update) {
      try {
        const { sha256, attempts } = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
        if (sha256 !== hashOf(update)) return 0;
        return typeof attempts === "number" ? attempts : ATTEMPTS_MAX;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === "ENOENT" ? 0 : ATTEMPTS_MAX;
      }
    },
    saveAttempts: (update, attempts) =>
      writeFileAtomically(path, JSON.stringify({ sha256: hashOf(update), attempts }), 0o644),
  };
}

export async function saveKeyAdmission(runFolder: string, admission: KeyAdmission): Promise<void> {
  await writeFileAtomically(join(runFolder, RESULT_FILE), JSON.stringify(admission), 0o644);
}

/** What came of it at this start; null: nothing was to be done, or what is there is no such thing. */
export async function loadKeyAdmission(runFolder: string): Promise<KeyAdmission | null> {
  try {
    const text = await readFile(join(runFolder, RESULT_FILE), "utf8");
    const { atMs, result, detail } = JSON.parse(text) as Partial<Record<keyof KeyAdmission, unknown>>;
    if (typeof atMs !== "number" || typeof result !== "string" || typeof detail !== "string") return null;
    return RESULTS.includes(result) ? { atMs, result: result as KeyAdmission["result"], detail } : null;
  } catch {
    return null;
  }
}

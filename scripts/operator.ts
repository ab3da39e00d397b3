import { userInfo } from "node:os";
import type { AuditRecord } from "../provider/audit/chain.ts";

/** Who runs this command, for the audit log: through sudo, the one who called it. */
export function operatorName(): string {
  const name = process.env.SUDO_USER ?? userInfo().username;
  return name.replace(/[^\x21-\x7e]/g, "_").slice(0, 64) || "unknown";
}

/** Of what this command does to a sensor. */
export function operatorRecord(action: string, sensorId: string, detail: object): AuditRecord {
  return { atMs: Date.now(), who: operatorName(), action, sensorId, detail: { ...detail } };
}

import { userInfo } from "node:os";

/** Who runs this command, for the audit log: through sudo, the one who called it. */
export function operatorName(): string {
  const name = process.env.SUDO_USER ?? userInfo().username;
  return name.replace(/[^\x21-\x7e]/g, "_").slice(0, 64) || "unknown";
}

import { type RoleName, type RoleStatus, roleSocketPath, type SensorEvent } from "../../core/contract/role.ts";
import { askRole } from "../../core/node/role-socket.ts";

const TIMEOUT_MS = 10_000;
const STATUS_TIMEOUT_MS = 5_000;

/** Resolves once link has the event on disk; throws otherwise. */
export async function tellLink(runFolder: string, event: SensorEvent, signal: AbortSignal): Promise<void> {
  const timed = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const answer = await askRole(roleSocketPath("link", runFolder), { type: "event", event }, timed);
  if (answer.type !== "ok") throw new Error(`link did not take an event: ${JSON.stringify(answer)}`);
}

/** What a role says of itself; null when it does not answer in time. */
export async function askStatus<R extends RoleName>(
  runFolder: string,
  role: R,
  signal: AbortSignal,
): Promise<Extract<RoleStatus, { role: R }> | null> {
  const timed = AbortSignal.any([signal, AbortSignal.timeout(STATUS_TIMEOUT_MS)]);
  const answer = await askRole(roleSocketPath(role, runFolder), { type: "status" }, timed).catch(() => undefined);
  signal.throwIfAborted();
  if (answer?.type !== "status" || answer.status.role !== role) return null;
  return answer.status as Extract<RoleStatus, { role: R }>;
}

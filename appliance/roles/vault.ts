import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { roleSocketPath } from "../../core/contract/role.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { journalLog } from "../../core/node/log.ts";
import { type RoleHandler, runRoleSocket } from "../../core/node/role-socket.ts";
import { runTogether } from "../../core/run-together.ts";
import { measureHealth } from "../health/service.ts";
import { loadBootId, loadIdentity, loadSocketGroupId, loadTlsFiles } from "../identity-files.ts";
import { fetchBaseShare } from "../vault/base-client.ts";
import { luksTool } from "../vault/luks-tool.ts";
import { newVaultBoard, runVault, type VaultPorts } from "../vault/service.ts";
import { formatRecordFile, storeDevice } from "../vault/store-device.ts";
import { tellLink } from "./ask.ts";
import type { RoleFolders } from "./role-folders.ts";
import { findStoreDevice, loadStoreTrouble } from "./store-place.ts";

/** Opens /nsm with base's key; serves its status. Ends with an AbortError when `signal` aborts. */
export async function runVaultRole(
  folders: RoleFolders,
  signal: AbortSignal,
  overrides: Partial<VaultPorts> = {},
): Promise<void> {
  const log = journalLog("vault");
  const identity = await loadIdentity(folders.stateFolder);
  const tls = await loadTlsFiles(folders.stateFolder);
  const bootId = await loadBootId();
  const board = newVaultBoard();
  const base = { host: identity.baseAddress, port: identity.basePort, localAddress: identity.vpnAddress, ...tls };
  const nobody = { capture: null, vault: null, phoneHome: null, rootCheck: null }; // link's heartbeats say how the roles are
  const ports: VaultPorts = {
    clock: nodeClock,
    log,
    random: Math.random,
    tool: luksTool(nodeExec),
    store: { ...storeDevice(await findStoreDevice(folders.stateFolder)), trouble: loadStoreTrouble },
    formatRecord: formatRecordFile(join(folders.stateFolder, "vault/format.json")),
    tunnelUp: () => hasAddress(identity.vpnAddress),
    async fetchShare(luksUuid, fetchSignal) {
      const health = await measureHealth(nodeClock, bootId, [folders.stateFolder], nobody, null);
      return fetchBaseShare(base, { sensorId: identity.sensorId, bootId, luksUuid, health }, fetchSignal);
    },
    tell: (event, tellSignal) => tellLink(folders.runFolder, event, tellSignal),
    ...overrides,
  };
  const answer: RoleHandler = async (request) =>
    request.type === "status"
      ? { type: "status", status: board.status }
      : { type: "error", message: `vault does not answer ${request.type}` };
  const socketPath = roleSocketPath("vault", folders.runFolder);
  const groupId = await loadSocketGroupId();
  await runTogether(signal, [
    (jobSignal) => runRoleSocket(socketPath, answer, jobSignal, groupId),
    (jobSignal) => runVault(ports, identity.sensorId, board, jobSignal),
  ]);
}

function hasAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === address));
}

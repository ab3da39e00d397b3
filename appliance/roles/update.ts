import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { roleSocketPath } from "../../core/contract/role.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import { type RoleHandler, runRoleSocket } from "../../core/node/role-socket.ts";
import { runTogether } from "../../core/run-together.ts";
import { loadConfig } from "../config.ts";
import { loadIdentity, loadSocketGroupId, loadTlsFiles } from "../identity-files.ts";
import { baseFiles } from "../update/base-files.ts";
import { createUpdater, type UpdatePorts } from "../update/service.ts";
import { updateFolder } from "../update/update-folder.ts";
import type { BoxImage } from "../update/verify-set.ts";
import { tellLink } from "./ask.ts";
import { readBoxImage } from "./box-image.ts";
import type { RoleFolders } from "./role-folders.ts";

/** Asks base for a newer version and makes it ready in /state/update. Ends with an AbortError when `signal` aborts. */
export async function runUpdateRole(
  folders: RoleFolders,
  signal: AbortSignal,
  overrides: Partial<UpdatePorts> & { readonly image?: BoxImage } = {},
): Promise<void> {
  const log = journalLog("update");
  const { stateFolder, runFolder } = folders;
  const identity = await loadIdentity(stateFolder);
  const tls = await loadTlsFiles(stateFolder);
  const config = await loadConfig(stateFolder, identity, log, "update");
  const endpoint = { host: identity.baseAddress, port: identity.basePort, localAddress: identity.vpnAddress, ...tls };
  const { image = await readBoxImage(), ...others } = overrides;
  const ports: UpdatePorts = {
    clock: nodeClock,
    log,
    random: Math.random,
    base: baseFiles(endpoint),
    folder: updateFolder(join(stateFolder, "update")),
    tunnelUp: () => hasAddress(identity.vpnAddress),
    tell: (event, tellSignal) => tellLink(runFolder, event, tellSignal),
    ...others,
  };
  const updater = createUpdater(ports, { image, ...config.update });
  const answer: RoleHandler = async (request) => {
    if (request.type === "status") return { type: "status", status: updater.status() };
    return { type: "error", message: `update does not answer ${request.type}` };
  };
  const groupId = await loadSocketGroupId();
  await runTogether(signal, [
    (jobSignal) => runRoleSocket(roleSocketPath("update", runFolder), answer, jobSignal, groupId),
    (jobSignal) => updater.run(jobSignal),
  ]);
}

function hasAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === address));
}

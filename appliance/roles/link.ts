import { createPublicKey } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { STATE_FILES } from "../../core/contract/identity.ts";
import { roleSocketPath } from "../../core/contract/role.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import { askRole, openRole, type RoleHandler, runRoleSocket } from "../../core/node/role-socket.ts";
import { verifyCommand } from "../../core/node/signed-message.ts";
import { runTogether } from "../../core/run-together.ts";
import { loadConfig } from "../config.ts";
import { loadKeyAdmission } from "../firmware/admission-files.ts";
import { loadLoaderReport } from "../firmware/loader-files.ts";
import { readHardware } from "../health/hardware.ts";
import { shortfallsOf } from "../health/least-hardware.ts";
import { loadRootCheck } from "../health/root-check.ts";
import { measureHealth, type ReportedHealth } from "../health/service.ts";
import { measureTemperatureC } from "../health/temperature.ts";
import { loadBootId, loadIdentity, loadSocketGroupId, loadTlsFiles } from "../identity-files.ts";
import { connector } from "../link/connection.ts";
import { readRemoteNames } from "../link/reach.ts";
import { createLink, type LinkPorts } from "../link/service.ts";
import { openSpoolFile } from "../link/spool-file.ts";
import { reachReader } from "../link/uplink.ts";
import { ORDER_FILE } from "../reset/reset-files.ts";
import { loadFailedVersions } from "../update/trial-files.ts";
import { loadUsbReports } from "../usb/usb-reports.ts";
import { askStatus } from "./ask.ts";
import type { RoleFolders } from "./role-folders.ts";
import { findOwnStore } from "./store-place.ts";

const ASK_TIMEOUT_MS = 5_000;

/** Keeps base informed and answers its questions. Ends with an AbortError when `signal` aborts. */
export async function runLinkRole(
  folders: RoleFolders,
  signal: AbortSignal,
  overrides: Partial<LinkPorts> = {},
): Promise<void> {
  const log = journalLog("link");
  const { stateFolder, runFolder, nsmFolder } = folders;
  const identity = await loadIdentity(stateFolder);
  const tls = await loadTlsFiles(stateFolder);
  const bootId = await loadBootId();
  const spool = await openSpoolFile(join(stateFolder, "link/spool.json"), Date.now());
  const config = await loadConfig(stateFolder, identity, log, "link");
  const openvpn = await readFile(join(stateFolder, STATE_FILES.openvpn), "utf8").catch(() => "");
  const readReach = reachReader(identity.vpnAddress, readRemoteNames(openvpn));
  const endpoint = { host: identity.baseAddress, port: identity.basePort, localAddress: identity.vpnAddress, ...tls };
  const ports: LinkPorts = {
    clock: nodeClock,
    log,
    random: Math.random,
    spool,
    connect: connector(endpoint),
    ask: (request, askSignal) => openRole(roleSocketPath("capture", runFolder), request, askSignal),
    readReach: async () => readReach(await findUplink(runFolder)),
    readHealth: async (healthSignal) => ({
      ...(await measureHealth(
        nodeClock,
        bootId,
        [stateFolder, nsmFolder],
        await gatherReported(folders, healthSignal),
        await measureTemperatureC(),
      )),
      failedVersions: await loadFailedVersions(stateFolder, nodeClock.nowMs()),
      shortfalls: shortfallsOf(await readHardware(stateFolder, await findOwnStore(stateFolder))),
      usb: await loadUsbReports(runFolder),
    }),
    async takeCommand(message) {
      const key = createPublicKey(await readFile(join(stateFolder, STATE_FILES.commandPublicKey)));
      if (!verifyCommand(message, key)) throw new Error("it is not signed by base");
      await writeFileAtomically(join(stateFolder, ORDER_FILE), message);
    },
    async tellVpn(up, tries, tellSignal) {
      if (up) await markReached(stateFolder);
      const timed = AbortSignal.any([tellSignal, AbortSignal.timeout(ASK_TIMEOUT_MS)]);
      await askRole(roleSocketPath("phone-home", runFolder), { type: "vpn", up, tries }, timed);
    },
    ...overrides,
  };
  const link = createLink(ports, { identity, bootId, heartbeatMs: config.link.heartbeatMs });
  const answer: RoleHandler = async (request) => {
    if (request.type === "status") return { type: "status", status: link.status() };
    if (request.type !== "event") return { type: "error", message: `link does not answer ${request.type}` };
    await link.addEvent(request.event);
    return { type: "ok" };
  };
  const groupId = await loadSocketGroupId();
  await runTogether(signal, [
    (jobSignal) => runRoleSocket(roleSocketPath("link", runFolder), answer, jobSignal, groupId),
    (jobSignal) => link.run(jobSignal),
  ]);
}

/** The journal is kept on the state partition until then, from start to start: cepa-keep-journal.service. */
async function markReached(stateFolder: string): Promise<void> {
  await writeFile(join(stateFolder, "link/reached-base"), "", { flag: "wx" }).catch(() => {}); // it is there already
}

/** The uplink by /run/cepa/ports.json, where `cepa-sensor network` says which port is what. */
async function findUplink(runFolder: string): Promise<string | undefined> {
  const text = await readFile(join(runFolder, "ports.json"), "utf8").catch(() => "{}");
  const { uplink } = JSON.parse(text) as { uplink?: unknown };
  return typeof uplink === "string" && /^[^/\s]{1,15}$/.test(uplink) ? uplink : undefined;
}

async function gatherReported({ stateFolder, runFolder }: RoleFolders, signal: AbortSignal): Promise<ReportedHealth> {
  const [capture, vault, phoneHome, update, rootCheck, keyAdmission, bootLoader] = await Promise.all([
    askStatus(runFolder, "capture", signal),
    askStatus(runFolder, "vault", signal),
    askStatus(runFolder, "phone-home", signal),
    askStatus(runFolder, "update", signal),
    loadRootCheck(runFolder),
    loadKeyAdmission(runFolder),
    loadLoaderReport(stateFolder),
  ]);
  return { capture, vault, phoneHome, update, rootCheck, keyAdmission, bootLoader };
}

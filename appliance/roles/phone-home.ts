import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { STATE_FILES } from "../../core/contract/identity.ts";
import { roleSocketPath } from "../../core/contract/role.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import { type RoleHandler, runRoleSocket } from "../../core/node/role-socket.ts";
import { openNodeSerial } from "../../core/node/serial.ts";
import { runTogether } from "../../core/run-together.ts";
import { loadConfig } from "../config.ts";
import { loadBootId, loadIdentity, loadSocketGroupId } from "../identity-files.ts";
import { readGpioLine } from "../phone-home/gpio-line.ts";
import { openOutboxFile } from "../phone-home/outbox-file.ts";
import { createPhoneHome, type PhoneHomePorts } from "../phone-home/service.ts";
import { signer } from "../phone-home/sign.ts";
import { BUTTON_FILE } from "../reset/reset-files.ts";
import { askStatus, tellLink } from "./ask.ts";
import type { RoleFolders } from "./role-folders.ts";

/** Watches position and tunnel, and calls for help by the modem. Ends with an AbortError when `signal` aborts. */
export async function runPhoneHomeRole(
  folders: RoleFolders,
  signal: AbortSignal,
  overrides: Partial<PhoneHomePorts> = {},
): Promise<void> {
  const log = journalLog("phone-home");
  const { stateFolder, runFolder } = folders;
  const identity = await loadIdentity(stateFolder);
  const outbox = await openOutboxFile(join(stateFolder, "phone-home/outbox.json"), await loadBootId());
  const config = await loadConfig(stateFolder, identity, log, "phone-home");
  const sign = signer(await readFile(join(stateFolder, STATE_FILES.emergencyKey), "utf8"), () => ({
    keyId: identity.emergencyKeyId,
    sensorId: identity.sensorId,
    bootCounter: outbox.current().bootCounter,
    sequence: outbox.current().nextSequence,
  }));
  const ports: PhoneHomePorts = {
    clock: nodeClock,
    log,
    random: Math.random,
    openSerial: openNodeSerial,
    outbox,
    sign,
    async askStore(askSignal) {
      const vault = askStatus(runFolder, "vault", askSignal);
      const capture = askStatus(runFolder, "capture", askSignal);
      const captureRunning = (await capture)?.state === "capturing";
      return { storeOpen: (await vault)?.state === "open", captureRunning };
    },
    readButton: () => readGpioLine(config.eraseButton),
    askForErasure: () => writeFileAtomically(join(stateFolder, BUTTON_FILE), ""),
    tell: (event, tellSignal) => tellLink(runFolder, event, tellSignal),
    ...overrides,
  };
  const { emergencySmsNumber, flashedAtMs } = identity;
  const { eraseButton } = config;
  const settings = { ...config.phoneHome, eraseButton, smsNumber: emergencySmsNumber, notBeforeMs: flashedAtMs };
  const phoneHome = createPhoneHome(ports, settings);
  const answer: RoleHandler = async (request) => {
    if (request.type === "status") return { type: "status", status: phoneHome.status() };
    if (request.type !== "vpn") return { type: "error", message: `phone-home does not answer ${request.type}` };
    if (typeof request.up !== "boolean" || !Number.isInteger(request.tries))
      return { type: "error", message: "expected up and tries" };
    phoneHome.noteVpn(request.up, request.tries);
    return { type: "ok" };
  };
  const groupId = await loadSocketGroupId();
  await runTogether(signal, [
    (jobSignal) => runRoleSocket(roleSocketPath("phone-home", runFolder), answer, jobSignal, groupId),
    (jobSignal) => phoneHome.run(jobSignal),
  ]);
}

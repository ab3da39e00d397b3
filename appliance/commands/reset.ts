import { createPublicKey } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { STATE_FILES } from "../../core/contract/identity.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { journalLog } from "../../core/node/log.ts";
import { verifyCommand } from "../../core/node/signed-message.ts";
import type { Log } from "../../core/ports.ts";
import { LAST_GOOD_FILE, loadConfig } from "../config.ts";
import { loadIdentity } from "../identity-files.ts";
import { judgeCommand } from "../reset/judge-command.ts";
import {
  BUTTON_FILE,
  loadCounter,
  loadOrder,
  loadPending,
  ORDER_FILE,
  type PendingReset,
  removePending,
  removeRequest,
  removeSettings,
  saveCounter,
  savePending,
  shredState,
} from "../reset/reset-files.ts";
import { findReset, type ResetPorts, runReset } from "../reset/service.ts";
import { askStatus, tellLink } from "../roles/ask.ts";
import { findStoreDevice } from "../roles/store-place.ts";
import { eraseStore } from "../vault/erase-store.ts";
import { luksTool } from "../vault/luks-tool.ts";
import { STORE_NAME } from "../vault/service.ts";

const USAGE = `cepa-sensor reset [--settings | --everything] [--yes] [--dry-run] [--state FOLDER] [--run FOLDER]

Puts the box back: its settings alone, or everything, with the keys shredded. Without --settings or --everything it goes on with
what was begun, or does what base ordered by a signed command, or what the button wants. Then the box starts anew. Run as root.

  --settings       settings and network as the image has them; keys, identity and store stay
  --everything     store, keys, identity, settings: only cepa flash makes it a sensor again. It can't be undone
  --yes            needed with either of these
  --dry-run        says what would be done
  --state FOLDER   the state partition (/state)
  --run FOLDER     sockets of the roles (/run/cepa)

Exit status: 0 done, or there was nothing to do; 1 it failed, and goes on where it was when it is run again; 2 not understood.
`;

const STOP_TIMEOUT_MS = 60_000;
const ROLES = ["link", "vpn", "phone-home", "update", "vault", "capture"].map((role) => `cepa-${role}.service`);

/** `cepa-sensor reset`; resolves to the exit status. */
export async function runResetCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      settings: { type: "boolean", default: false },
      everything: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      state: { type: "string", default: "/state" },
      run: { type: "string", default: "/run/cepa" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { settings, everything, state, run } = values;
  const isByHand = settings || everything;
  if ((settings && everything) || (isByHand && !values.yes && !values["dry-run"])) {
    process.stderr.write(
      settings && everything
        ? "cepa-sensor reset: --settings or --everything, not both\n"
        : "cepa-sensor reset: it can't be undone: give --yes as well, or --dry-run\n",
    );
    return 2;
  }
  const log = journalLog("reset");
  const byHand = { what: everything ? "everything" : "settings", cause: "hand", stage: "begun" } as const;
  if (values["dry-run"]) {
    const pending = isByHand ? byHand : await loadPending(state);
    process.stdout.write(`${pending === undefined ? "nothing was begun" : describe(pending)}\n`);
    return 0;
  }
  const pending = isByHand
    ? byHand
    : await findReset(await loadPending(state), () => takeRequest(state, run, log, signal));
  if (pending === undefined) return 0;
  await runReset(pending, resetPorts(state, run, log), signal);
  await nodeExec("systemctl", ["--no-block", "reboot"], signal);
  return 0;
}

function describe({ what, cause, stage }: PendingReset): string {
  if (what === "settings")
    return `settings go${cause === "order" ? "" : ", and what network.json says"}; keys and store stay`;
  const store = stage === "begun" ? "the store is made unreadable, " : "";
  return `${store}identity, keys and settings are erased`;
}

/** What base ordered, or the button wants; what asked is gone then, and what it asks for is on the disk. */
async function takeRequest(
  state: string,
  run: string,
  log: Log,
  signal: AbortSignal,
): Promise<PendingReset | undefined> {
  const order = await loadOrder(state);
  if (order !== undefined) {
    const pending = await takeOrder(order, state, run, log, signal);
    await removeRequest(state, ORDER_FILE);
    if (pending !== undefined) return pending;
  }
  return await takeButton(state, log); // also where link leaves what is no order, again and again
}

/** Phone-home says that the button was held; where the signed settings have no button, it is not believed. */
async function takeButton(state: string, log: Log): Promise<PendingReset | undefined> {
  if (!(await isThere(join(state, BUTTON_FILE)))) return undefined;
  const { eraseButton } = await loadConfig(state, await loadIdentity(state), log, "vault");
  const pending = { what: "everything", cause: "button", stage: "begun" } as const;
  if (eraseButton.chip === "") log("error", "there is no button by the settings, and nothing is erased");
  else await savePending(state, pending);
  await removeRequest(state, BUTTON_FILE);
  return eraseButton.chip === "" ? undefined : pending;
}

async function takeOrder(
  order: Uint8Array,
  state: string,
  run: string,
  log: Log,
  signal: AbortSignal,
): Promise<PendingReset | undefined> {
  const { sensorId, flashedAtMs } = await loadIdentity(state);
  const key = createPublicKey(await readFile(join(state, STATE_FILES.commandPublicKey)));
  const lastCounter = await loadCounter(state);
  const isSigned = (message: Uint8Array) => verifyCommand(message, key);
  const verdict = judgeCommand(order, { sensorId, flashedAtMs, lastCounter, isSigned });
  const why =
    verdict.state === "refused"
      ? verdict.why
      : verdict.kind === "wipe" || verdict.kind === "resetSettings"
        ? undefined
        : `${verdict.kind} is not obeyed yet`;
  if (verdict.state === "refused" || why !== undefined) {
    log("error", "a command is refused", { why });
    await tellLink(run, { name: "commandRefused", atMs: nodeClock.nowMs(), why: why ?? "" }, signal).catch(() => {});
    return undefined;
  }
  const what = verdict.kind === "wipe" ? "everything" : "settings";
  const pending: PendingReset = { what, cause: "order", stage: "begun" };
  await savePending(state, pending);
  await saveCounter(state, verdict.counter);
  return pending;
}

function resetPorts(state: string, run: string, log: Log): ResetPorts {
  const quietly = async (program: string, args: readonly string[], signal: AbortSignal) => {
    await nodeExec(program, args, signal, { timeoutMs: STOP_TIMEOUT_MS }).catch((error: Error) => {
      signal.throwIfAborted();
      log("warning", error.message);
    });
  };
  return {
    clock: nodeClock,
    log,
    savePending: (pending) => savePending(state, pending),
    removePending: async () => {
      await removePending(state);
      await quietly("fstrim", [state], AbortSignal.timeout(STOP_TIMEOUT_MS));
    },
    tell: (event, signal) => tellLink(run, event, signal),
    askLink: (signal) => askStatus(run, "link", signal),
    hasIdentity: () => isThere(join(state, STATE_FILES.identity)),
    async eraseStore(signal) {
      const device = await findStoreDevice(state);
      if (!(await isThere(device))) {
        log("warning", `there is no store to erase: ${device}`);
        return;
      }
      const tool = luksTool(nodeExec);
      const free = async () => {
        await quietly("systemctl", ["stop", "cepa-vault.service", "nsm.mount"], signal);
        await quietly("cryptsetup", ["close", STORE_NAME], signal);
      };
      await eraseStore(device, { tool, free, log }, signal);
    },
    removeSettings: (network) => removeSettings(state, LAST_GOOD_FILE, network),
    stopRoles: (signal) => quietly("systemctl", ["stop", ...ROLES], signal),
    shredState: () => shredState(state),
  };
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

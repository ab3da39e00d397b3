import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { journalLog } from "../../core/node/log.ts";
import { loadConfig } from "../config.ts";
import { parseImageVersion } from "../health/plain.ts";
import { loadIdentity } from "../identity-files.ts";
import { askStatus } from "../roles/ask.ts";
import { BOOT_COUNT_VARIABLE, type CountedKernel, parseCountedKernel } from "../update/boot-count.ts";
import { runTrial, type TrialPorts } from "../update/trial.ts";
import { loadFailedVersions, loadTrial, markFailed, removeTrial, saveTrial } from "../update/trial-files.ts";
import { parseVerityState, type TrialObservation } from "../update/trial-verdict.ts";

const USAGE = `cepa-sensor trial [--state FOLDER] [--run FOLDER]

Watches a new version, when one runs, until it is found good, or bad: then the box starts the version before. In a version that was
found good, notes what became of one that gave way. Run once at boot, as root.

  --state FOLDER   the state partition (/state)
  --run FOLDER     sockets of the roles (/run/cepa)

Exit status: 0 good; 1 the box starts anew, with the version before.
`;

/** Runs what follows with the ESP at /efi. */
const WITH_ESP = "/usr/lib/cepa/with-esp";
const BLESS_BOOT = "/usr/lib/systemd/systemd-bless-boot";

/** `cepa-sensor trial`; resolves to the exit status. */
export async function runTrialCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      state: { type: "string", default: "/state" },
      run: { type: "string", default: "/run/cepa" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const log = journalLog("trial");
  const { state, run } = values;
  const version = parseImageVersion(await readFile("/etc/os-release", "utf8"));
  const variable = await readFile(BOOT_COUNT_VARIABLE).catch(() => undefined);
  const counted = variable === undefined ? undefined : parseCountedKernel(variable);
  const ports: TrialPorts = {
    clock: nodeClock,
    log,
    observe: (observeSignal) => observe(run, observeSignal),
    loadTrial: () => loadTrial(state),
    saveTrial: (trial) => saveTrial(state, trial),
    removeTrial: () => removeTrial(state),
    loadFailed: () => loadFailedVersions(state, nodeClock.nowMs()),
    markFailed: (failed) => markFailed(state, failed, nodeClock.nowMs()),
  };
  // vault is root as well: the last good configuration that it keeps is read here, and written as it would be
  const { trial: limits } = await loadConfig(state, await loadIdentity(state), log, "vault");
  const verdict = await runTrial({ version, isCounted: counted !== undefined }, limits, ports, signal);
  if (verdict === "good") return 0;
  try {
    await giveWay(verdict, counted, signal);
  } catch (error) {
    // It starts again until its tries are used up; what is marked as failed has no other trial.
    log("error", "the boot loader is not told", { why: (error as Error).message });
  }
  await nodeExec("systemctl", ["--no-block", "reboot"], signal);
  return 1;
}

/** The boot loader starts the version before. */
async function giveWay(verdict: "bad" | "doubtful", counted: CountedKernel | undefined, signal: AbortSignal) {
  // A version in doubt goes whole: what stays of it would count as installed, and it could not be installed again.
  const program =
    verdict === "doubtful" && counted !== undefined
      ? ["rm", "-f", `/efi/EFI/Linux/${counted.file}`]
      : [BLESS_BOOT, "--path=/efi", "bad"];
  await nodeExec(WITH_ESP, program, signal);
}

async function observe(runFolder: string, signal: AbortSignal): Promise<Omit<TrialObservation, "atMs">> {
  const [capture, vault, link, verity] = await Promise.all([
    askStatus(runFolder, "capture", signal),
    askStatus(runFolder, "vault", signal),
    askStatus(runFolder, "link", signal),
    nodeExec("veritysetup", ["status", "root"], signal).catch(() => undefined),
  ]);
  signal.throwIfAborted();
  return { capture, vault, link, isRootCorrupted: parseVerityState(verity?.stdout ?? "") === "corrupted" };
}

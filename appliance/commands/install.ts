import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { uptime } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { UpdateRefusedError } from "../../core/contract/update-refusal.ts";
import { loaderFileOf } from "../../core/contract/update-set.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { journalLog } from "../../core/node/log.ts";
import { verifySet } from "../../core/node/verify-set.ts";
import { saveWanted } from "../firmware/loader-files.ts";
import { askStatus, tellLink } from "../roles/ask.ts";
import { readBoxImage } from "../roles/box-image.ts";
import { judgeSet } from "../update/judge-set.ts";
import { loadTrial, saveTrial, type Trial } from "../update/trial-files.ts";
import { recordSlot, type SlotRecord } from "../update/trial-verdict.ts";
import { updateFolder } from "../update/update-folder.ts";
import { type BoxImage, openUpdateKey, UPDATE_PUBLIC_KEY } from "../update/verify-set.ts";

const USAGE = `cepa-sensor install [--dry-run] [--state FOLDER] [--run FOLDER] [--key FILE]

Installs the newest update that is ready into the slot that doesn't run, and starts the box anew: the new version is then on trial.
An update that is refused is removed. One that was withdrawn before its first octet is written is not installed. Run as root, when there is
something in STATE/update/ready.

  --dry-run        checks the update, and says what would be done
  --state FOLDER   the state partition (/state)
  --run FOLDER     sockets of the roles (/run/cepa)
  --key FILE       the key that updates are signed with (${UPDATE_PUBLIC_KEY})

Exit status: 0 installed, or there was nothing to install; 1 it failed, and may be tried again; 3 refused.
`;

/** What the slot that runs does is what the new version is held against, so it may first come to do it: this long after switching on. */
const SETTLED_MS = 600_000;
const LOOK_MS = 2000;

const REFUSED = 3;
const MESSAGE_MAX = 300;

const WITH_ESP = "/usr/lib/cepa/with-esp";
/** What is left on the ESP of a version that was cut off, or lost its content: it would count as installed. The version is $1. */
const REMOVE_KERNELS = 'rm -f "/efi/EFI/Linux/cepa_$1.efi" "/efi/EFI/Linux/cepa_$1+"*.efi';
const SYSUPDATE = "/usr/lib/systemd/systemd-sysupdate";

/** `cepa-sensor install`; resolves to the exit status. */
export async function runInstallCommand(
  args: readonly string[],
  signal: AbortSignal,
  box: Partial<BoxImage> = {},
): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "dry-run": { type: "boolean", default: false },
      state: { type: "string", default: "/state" },
      run: { type: "string", default: "/run/cepa" },
      key: { type: "string", default: UPDATE_PUBLIC_KEY },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const log = journalLog("install");
  const image = { ...(await readBoxImage(values.key)), ...box };
  const running = image.version;
  const folder = updateFolder(join(values.state, "update"));
  const [found] = await folder.tidy(running);
  if (found === undefined) {
    log("info", "nothing newer than what runs is ready", { running });
    return 0;
  }
  const facts = await folder.readFacts(running, image.profile);
  const isGone = async () => {
    if ((await folder.tidy(running)).includes(found)) return false;
    log("info", "not installed: it was withdrawn, or a newer one is ready", { version: found });
    return true;
  };
  // what was checked is what is installed: the folder of what is ready is another user's
  const copyTo = join(values.state, "install/set");
  await mkdir(copyTo, { recursive: true, mode: 0o700 });
  try {
    for (const name of await readdir(copyTo)) await rm(join(copyTo, name), { recursive: true });
    const key = await openUpdateKey(image.keyPath);
    const { description } = await verifySet(
      folder.ready(found),
      key,
      { copyTo, judge: (candidate) => judgeSet(candidate, facts) },
      signal,
    );
    const { version } = description;
    log("info", values["dry-run"] ? "would be installed" : "is being installed", { version, running });
    if (values["dry-run"]) return 0;
    const before = await recordRunningSlot(values.run, signal);
    if (await isGone()) return 0; // that took up to ten minutes
    const tried = await loadTrial(values.state);
    const trial: Trial = {
      ...{ version, state: "installing", before, doubt: "" },
      doubts: tried?.version === version ? tried.doubts : 0,
      installedAtMs: nodeClock.nowMs(),
    };
    await saveTrial(values.state, trial);
    if (description.sizes.loaderBytes !== undefined) {
      const loader = await readFile(join(copyTo, loaderFileOf(version)));
      await saveWanted(values.state, running, version, loader);
    }
    await nodeExec(WITH_ESP, ["sh", "-c", REMOVE_KERNELS, "sh", version], signal);
    await nodeExec(WITH_ESP, [SYSUPDATE, "update", version], signal);
    await saveTrial(values.state, { ...trial, state: "installed" });
    await folder.discard(found);
    log("info", "installed; the box starts anew", { version });
    await nodeExec("systemctl", ["--no-block", "reboot"], signal);
    return 0;
  } catch (error) {
    if (values["dry-run"] || signal.aborted) throw error;
    const isRefused = error instanceof UpdateRefusedError;
    if (isRefused && (await isGone())) return 0; // taken away while it was read: no fault of the set
    const reason = isRefused ? error.code : "notInstalled";
    const message = (error as Error).message.trim().slice(-MESSAGE_MAX);
    log("error", isRefused ? "an update is refused" : "an update can't be installed", {
      version: found,
      reason,
      message,
    });
    const refusal = { version: found, reason, message, atMs: nodeClock.nowMs() };
    await tellLink(values.run, { name: "updateRefused", ...refusal }, signal).catch(() => {});
    if (!isRefused) return 1; // the set stays; systemd starts this again, later and later
    await folder.discard(found);
    return REFUSED;
  } finally {
    for (const name of await readdir(copyTo)) await rm(join(copyTo, name), { recursive: true });
  }
}

async function recordRunningSlot(runFolder: string, signal: AbortSignal): Promise<SlotRecord> {
  for (;;) {
    const [capture, vault, link] = await Promise.all([
      askStatus(runFolder, "capture", signal),
      askStatus(runFolder, "vault", signal),
      askStatus(runFolder, "link", signal),
    ]);
    const record = recordSlot({ capture, vault, link }, nodeClock.nowMs());
    if (Object.values(record).every((was) => was) || uptime() * 1000 >= SETTLED_MS) return record;
    await nodeClock.sleep(LOOK_MS, signal);
  }
}

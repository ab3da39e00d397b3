import { access, mkdir, open, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { parseJson } from "../../core/checked-json.ts";
import { STATE_FILES } from "../../core/contract/identity.ts";
import { readStoreConfig, type StoreConfig } from "../../core/contract/store.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { journalLog } from "../../core/node/log.ts";
import { STORE_DISK_FOLDER, STORE_DISK_LINK, STORE_DISK_WHY } from "../roles/store-place.ts";
import { diskOf, findPartition, readDisks, readStoreDisk } from "../vault/disks.ts";
import { HEADER_AND_SLOTS_BYTES } from "../vault/erase-store.ts";
import { findSecondDisk, planStoreDisk, STORE_LABEL } from "../vault/store-disk.ts";

const USAGE = `cepa-sensor store-disk [--dry-run] [--state FOLDER]

Gets the disk ready that the store has of its own, by store.json of the state partition: an empty one gets a partition for it, one
that has it is used, any other is refused, unless it was flashed with --take-store-disk and this is its first start. Run once at
boot, as root.

  --dry-run        says what would be done
  --state FOLDER   the state partition (/state)

Exit status: 0 the store has its partition; 1 it has none, and the screen says why.
`;

/** Disks come up one after the other. */
const WAIT_MS = 30_000;
const LOOK_MS = 250;
/** Where a partition begins, and all of a LUKS header in it. */
const OVERWRITTEN_BYTES = 2 * HEADER_AND_SLOTS_BYTES;
/** That there is such a file says that this box had its store on a disk of its own. */
const KNOWN_FILE = "vault/store-disk";
const DEFINITIONS = "/usr/lib/repart.d";

/** `cepa-sensor store-disk`; resolves to the exit status. */
export async function runStoreDiskCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "dry-run": { type: "boolean", default: false },
      state: { type: "string", default: "/state" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { state } = values;
  const dryRun = values["dry-run"];
  const log = journalLog("store-disk");
  try {
    const config = readStoreConfig(parseJson(await readFile(join(state, STATE_FILES.store), "utf8"), "store"));
    const disk = await waitForDisk(config, signal);
    const known = await access(join(state, KNOWN_FILE)).then(
      () => true,
      () => false,
    );
    const plan = planStoreDisk(await readStoreDisk(disk), config.take, known);
    if (plan.action === "refuse") throw new StoreDiskError(`${disk} is not taken for the store: ${plan.why}`);
    log("info", "the store's disk", { disk, action: plan.action });
    if (dryRun) return 0;
    if (plan.action === "take") await overwriteStart(`/dev/${disk}`);
    if (plan.action !== "use")
      await nodeExec(
        "systemd-repart",
        ["--dry-run=no", "--empty=force", `--definitions=${DEFINITIONS}`, `/dev/${disk}`],
        signal,
      );
    const partition = await waitForPartition(disk, signal);
    await writeFileAtomically(join(state, KNOWN_FILE), "");
    await leave(STORE_DISK_LINK, (path) => symlink(partition, path));
    await rm(STORE_DISK_WHY, { force: true });
    return 0;
  } catch (error) {
    if (signal.aborted) throw error;
    const why = `the store's own disk: ${(error as Error).message}`;
    log("error", why);
    if (!dryRun) await leave(STORE_DISK_WHY, (path) => writeFile(path, why, { mode: 0o644 }));
    return 1;
  }
}

class StoreDiskError extends Error {
  override readonly name = "StoreDiskError";
}

async function waitForDisk({ disk }: StoreConfig, signal: AbortSignal): Promise<string> {
  const untilMs = nodeClock.monotonicMs() + WAIT_MS;
  for (;;) {
    const found = await findDisk(disk);
    if (found.name !== undefined) return found.name;
    if (nodeClock.monotonicMs() >= untilMs) throw new StoreDiskError(found.why);
    await nodeClock.sleep(LOOK_MS, signal);
  }
}

type Found = { readonly name: string } | { readonly name?: undefined; readonly why: string };

async function findDisk(wanted: string): Promise<Found> {
  const system = await diskOf("/dev/disk/by-partlabel/state");
  if (wanted === "second") {
    const disk = findSecondDisk(await readDisks(system));
    return typeof disk === "string" ? { why: disk } : { name: disk.name };
  }
  const name = await diskOf(wanted);
  if (name === undefined) return { why: `there is no ${wanted}` };
  if (name === system) return { why: `${wanted} is the disk of the system` };
  return { name };
}

async function overwriteStart(device: string): Promise<void> {
  const file = await open(device, "r+");
  try {
    const zeros = new Uint8Array(OVERWRITTEN_BYTES);
    for (let at = 0; at < zeros.length; ) at += (await file.write(zeros, at, zeros.length - at, at)).bytesWritten;
    await file.sync();
  } finally {
    await file.close();
  }
}

async function waitForPartition(disk: string, signal: AbortSignal): Promise<string> {
  const untilMs = nodeClock.monotonicMs() + WAIT_MS;
  for (;;) {
    const partition = await findPartition(disk, STORE_LABEL);
    if (partition !== undefined) return partition;
    if (nodeClock.monotonicMs() >= untilMs) throw new StoreDiskError(`${disk} has no partition ${STORE_LABEL}`);
    await nodeClock.sleep(LOOK_MS, signal);
  }
}

async function leave(path: string, make: (path: string) => Promise<void>): Promise<void> {
  await mkdir(STORE_DISK_FOLDER, { recursive: true, mode: 0o755 });
  await rm(join(STORE_DISK_FOLDER, basename(path)), { force: true });
  await make(path);
}

import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { UpdateRefusedError } from "../../core/contract/update-refusal.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { journalLog } from "../../core/node/log.ts";
import { tellLink } from "../roles/ask.ts";
import { readBoxImage } from "../roles/box-image.ts";
import { openStick } from "../stick/stick-source.ts";
import { updateFolder } from "../update/update-folder.ts";
import { type BoxImage, importSet, UPDATE_PUBLIC_KEY } from "../update/verify-set.ts";

const USAGE = `cepa-sensor import [--state FOLDER] [--run FOLDER] [--key FILE] DEVICE

Makes the update on a USB stick ready, as if it had been downloaded. DEVICE is its partition, or a file, with a FAT32 file system; on it is
a folder as \`cepa image build\` makes it, cepa-PROFILE-VERSION.update, or its content. It is read by this program alone and is not mounted.
Base is told what became of it. Run by itself when a stick is put in.

  --state FOLDER   the state partition (/state)
  --run FOLDER     sockets of the roles (/run/cepa)
  --key FILE       the key that updates are signed with (${UPDATE_PUBLIC_KEY})

Exit status: 0 ready; 1 it failed; 3 refused.
`;

const REFUSED = 3;
const MESSAGE_MAX = 300;
/** In place of a version in a refusal: what a stick says of itself is not believed before it is checked. */
const IMPORTED = "stick";

/** `cepa-sensor import`; resolves to the exit status. */
export async function runImportCommand(
  args: readonly string[],
  signal: AbortSignal,
  box: Partial<BoxImage> = {},
): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
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
  const [device, ...more] = positionals;
  if (device === undefined || more.length > 0) {
    process.stderr.write(`cepa-sensor import: which device? One, please.\n${USAGE}`);
    return 2;
  }
  const log = journalLog("import");
  const image = { ...(await readBoxImage(values.key)), ...box };
  const tell = (event: Parameters<typeof tellLink>[1]) =>
    tellLink(values.run, event, signal).catch((error: Error) => {
      signal.throwIfAborted();
      log("warning", "base is not told: link does not answer", { why: error.message });
    });
  if (await hasPartitions(device)) {
    log("info", "the device has partitions: each of them is looked at, not the whole", { device });
    return 0;
  }
  const stick = await open(device, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const folder = updateFolder(join(values.state, "update"));
    const { version } = await importSet(await openStick(stick, image.profile), image, folder, signal);
    log("info", "an update is checked and ready", { version, device });
    await tell({ name: "updateReady", atMs: nodeClock.nowMs(), version });
    return 0;
  } catch (error) {
    if (!(error instanceof UpdateRefusedError)) throw error;
    const message = error.message.slice(0, MESSAGE_MAX);
    log("error", "the stick is refused", { device, reason: error.code, message });
    await tell({ name: "updateRefused", atMs: nodeClock.nowMs(), version: IMPORTED, reason: error.code, message });
    return REFUSED;
  } finally {
    await stick.close();
  }
}

/** A disk without a partition table may be read as one, too: its first sector has room for both. */
async function hasPartitions(device: string): Promise<boolean> {
  const name = basename(device);
  const entries = await readdir(`/sys/class/block/${name}`).catch((): string[] => []);
  return entries.some((entry) => entry.startsWith(name));
}

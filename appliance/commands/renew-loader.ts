import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { journalLog } from "../../core/node/log.ts";
import { efiVariables } from "../firmware/efi-variables.ts";
import { espFiles } from "../firmware/esp-files.ts";
import { loaderFiles } from "../firmware/loader-files.ts";
import { renewLoader } from "../firmware/renew-loader.ts";
import { parseImageVersion } from "../health/plain.ts";

const USAGE = `cepa-sensor renew-loader [--esp FOLDER] [--state FOLDER] [--variables FOLDER]

Brings the boot loader of the version that runs to the ESP: first to the copy that the firmware starts first, and when the box has started by
that, to the others, one at a time. What came of it becomes part of what the sensor says of its health. Run at boot, as root, once the version
is found good, with the ESP mounted; when there is something in STATE/install/loader.

  --esp FOLDER        where the ESP is (/efi)
  --state FOLDER      the state partition (/state)
  --variables FOLDER  efivarfs (/sys/firmware/efi/efivars)

Exit status: 0 done, or to be gone on with in the next start; 1 it failed, and may be tried again.
`;

/** `cepa-sensor renew-loader`; resolves to the exit status. */
export async function runRenewLoaderCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      esp: { type: "string", default: "/efi" },
      state: { type: "string", default: "/state" },
      variables: { type: "string", default: "/sys/firmware/efi/efivars" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const log = journalLog("renew-loader");
  const report = await renewLoader(parseImageVersion(await readFile("/etc/os-release", "utf8")), {
    ...{ clock: nodeClock, log, esp: espFiles(values.esp) },
    bootId: (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim(),
    variables: efiVariables(values.variables, nodeExec, signal),
    ...loaderFiles(values.state),
  });
  if (report === undefined) return 0;
  const { version, info, result, detail } = report;
  const isWell = result === "everywhere" || result === "tried";
  log(isWell ? "info" : "warning", "the boot loader on the ESP", { version, info, result, detail });
  return result === "failed" ? 1 : 0;
}

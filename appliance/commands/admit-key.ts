import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { KeyAdmission } from "../../core/contract/health.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { attemptsFile, saveKeyAdmission } from "../firmware/admission-files.ts";
import { admitKey } from "../firmware/admit-key.ts";
import { efiVariables } from "../firmware/efi-variables.ts";

const UPDATE = "/usr/lib/cepa/db-next.auth";
const VARIABLES = "/sys/firmware/efi/efivars";
const USAGE = `cepa-sensor admit-key [--json] [--run FOLDER] [--state FOLDER] [--update FILE] [--variables FOLDER]

Adds the next key that signs what boots to the firmware's db, where Secure Boot is on and db lacks it. The result becomes part of what
the sensor says of its health. Run once at boot, as root; three times for the same key at most.

  --json              the result as one line of JSON
  --run FOLDER        sockets of the roles (/run/cepa)
  --state FOLDER      the state partition (/state)
  --update FILE       the certificate, signed by KEK for the firmware (${UPDATE})
  --variables FOLDER  efivarfs (${VARIABLES})

Exit status: 0 db has it, or Secure Boot is off; 1 the firmware did not take it, or it can't be told.
`;

/** `cepa-sensor admit-key`; resolves to the exit status. */
export async function runAdmitKeyCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      run: { type: "string", default: "/run/cepa" },
      state: { type: "string", default: "/state" },
      update: { type: "string", default: UPDATE },
      variables: { type: "string", default: VARIABLES },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const ports = {
    clock: nodeClock,
    variables: efiVariables(values.variables, nodeExec, signal),
    ...attemptsFile(values.state),
  };
  const admission: KeyAdmission = await admitKey(await readFile(values.update), ports).catch((error: Error) => {
    signal.throwIfAborted();
    return { atMs: nodeClock.nowMs(), result: "failed", detail: error.message.slice(0, 200) };
  });
  await saveKeyAdmission(values.run, admission);
  const { result, detail } = admission;
  process.stdout.write(
    values.json ? `${JSON.stringify(admission)}\n` : `${result}${detail === "" ? "" : `: ${detail}`}\n`,
  );
  return result === "refused" || result === "failed" ? 1 : 0;
}

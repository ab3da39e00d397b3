import { parseArgs } from "node:util";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { checkRoot, rootCheckFile } from "../health/root-check.ts";

const USAGE = `cepa-sensor check-root [--json] [--run FOLDER]

Reads every block of the root file system that runs from the disk, and compares it with its hash. The result becomes part of what
the sensor says of its health. Run once a day, as root.

  --json         the result as one line of JSON
  --run FOLDER   sockets of the roles (/run/cepa)

Exit status: 0 whole; 1 damaged, or it can't be told.
`;

/** `cepa-sensor check-root`; resolves to the exit status. */
export async function runCheckRootCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      run: { type: "string", default: "/run/cepa" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const check = await checkRoot(nodeExec, nodeClock, signal);
  await writeFileAtomically(rootCheckFile(values.run), JSON.stringify(check), 0o644);
  const { result, detail } = check;
  process.stdout.write(values.json ? `${JSON.stringify(check)}\n` : `${result}${detail === "" ? "" : `: ${detail}`}\n`);
  return result === "whole" ? 0 : 1;
}

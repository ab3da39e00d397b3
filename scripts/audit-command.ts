import { verifyAuditLog } from "../provider/audit/audit-log.ts";
import { openProvider } from "../provider/state/provider.ts";
import { runParsed, STATE_HELP, stateFolder, UsageError } from "./command-line.ts";

const USAGE = `usage: cepa audit verify [options]

Follows the hash chain of the audit log (STATE/audit.log): exit status 0 when it is whole, 1 when a line was changed, removed
or inserted, and which.

${STATE_HELP}
  --json                   as JSON
`;

export function runAuditCommand(args: readonly string[]): Promise<number> {
  const options = { state: { type: "string" }, json: { type: "boolean" } } as const;
  return runParsed(USAGE, args, options, async (values, positionals) => {
    if (positionals.length !== 1 || positionals[0] !== "verify") throw new UsageError("cepa audit: expected verify");
    const provider = await openProvider(stateFolder(values.state));
    try {
      const result = verifyAuditLog(provider.paths.auditLog, provider.database);
      const isWhole = !("why" in result);
      if (values.json === true) process.stdout.write(`${JSON.stringify({ whole: isWhole, ...result })}\n`);
      else if (isWhole) process.stdout.write(`whole: ${result.entries} entries, last hash ${result.hash}\n`);
      else process.stderr.write(`${provider.paths.auditLog}: line ${result.line}: ${result.why}\n`);
      return isWhole ? 0 : 1;
    } finally {
      provider.database.close();
    }
  });
}

import { renewAuditLog, verifyAuditLog } from "../provider/audit/audit-log.ts";
import { type Provider, withProvider } from "../provider/state/provider.ts";
import { confirmByTyping, runParsed, STATE_HELP, stateFolder, UsageError } from "./command-line.ts";
import { operatorName } from "./operator.ts";

const USAGE = `usage: cepa audit verify | renew [options]

  verify   follows the hash chain of the audit log (STATE/audit.log): exit status 0 when it is whole, 1 when a line was changed,
           removed or inserted, and which
  renew    for a log that does not fit, which stops everything that needs an entry: keeps it as STATE/audit.log.TIME, and begins
           a new one, whose first entry says so

  --yes                    renew: don't ask
${STATE_HELP}
  --json                   as JSON
`;

export function runAuditCommand(args: readonly string[]): Promise<number> {
  const options = { state: { type: "string" }, json: { type: "boolean" }, yes: { type: "boolean" } } as const;
  return runParsed(USAGE, args, options, async (values, [action, ...more]) => {
    if ((action !== "verify" && action !== "renew") || more.length > 0)
      throw new UsageError("cepa audit: expected verify or renew");
    if (action === "verify" && values.yes !== undefined) throw new UsageError("cepa audit verify: --yes is of renew");
    return await withProvider(stateFolder(values.state), async (provider) =>
      action === "verify"
        ? verify(provider, values.json === true)
        : await renew(provider, values.yes === true, values.json === true),
    );
  });
}

function verify({ paths, database }: Provider, json: boolean): number {
  const result = verifyAuditLog(paths.auditLog, database);
  const isWhole = !("why" in result);
  if (json) process.stdout.write(`${JSON.stringify({ whole: isWhole, ...result })}\n`);
  else if (isWhole) process.stdout.write(`whole: ${result.entries} entries, last hash ${result.hash}\n`);
  else process.stderr.write(`${paths.auditLog}: line ${result.line}: ${result.why}\n`);
  return isWhole ? 0 : 1;
}

async function renew({ paths, database }: Provider, yes: boolean, json: boolean): Promise<number> {
  const { auditLog } = paths;
  const fault = verifyAuditLog(auditLog, database);
  if ("why" in fault && !yes) {
    const what = `${auditLog}: line ${fault.line}: ${fault.why}\nIt is kept under another name, and a new log begins`;
    await confirmByTyping("cepa audit renew", what, "renew");
  }
  const kept = renewAuditLog(auditLog, database, operatorName(), Date.now()) ?? null;
  const words = kept === null ? "there was none" : `the former one is ${kept}`;
  process.stdout.write(
    json ? `${JSON.stringify({ renewed: auditLog, kept })}\n` : `${auditLog} begins anew; ${words}\n`,
  );
  return 0;
}

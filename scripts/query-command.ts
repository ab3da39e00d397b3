import { QUERY_MAX_ROWS, QUERY_TIMEOUT_MS } from "../core/contract/link.ts";
import { renderJsonLine } from "../core/json-line.ts";
import { askQuery } from "../provider/base/api-client.ts";
import { statePaths } from "../provider/state/paths.ts";
import { readSettings } from "../provider/state/settings.ts";
import { printable, renderTable, runParsed, STATE_HELP, stateFolder, UsageError } from "./command-line.ts";
import { operatorName } from "./operator.ts";

const USAGE = `usage: cepa query NAME SQL [options]

Asks the session store of sensor NAME, read-only, over the link. It is written into the audit log.
  cepa query box "select * from sessions where src_randomness < 1 or dst_randomness < 1"

  --max-rows N             at most ${QUERY_MAX_ROWS} (1000)
  --timeout-ms N           at most ${QUERY_TIMEOUT_MS} (${QUERY_TIMEOUT_MS})
${STATE_HELP}
  --json                   an object a row
`;

export function runQueryCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const options = {
    state: { type: "string" },
    json: { type: "boolean" },
    "max-rows": { type: "string", default: "1000" },
    "timeout-ms": { type: "string", default: String(QUERY_TIMEOUT_MS) },
  } as const;
  return runParsed(USAGE, args, options, async (values, [name, sql, ...more]) => {
    if (name === undefined || sql === undefined || more.length > 0)
      throw new UsageError("cepa query: expected NAME and one SQL text (in quotes)");
    const maxRows = readCount("--max-rows", values["max-rows"], QUERY_MAX_ROWS);
    const timeoutMs = readCount("--timeout-ms", values["timeout-ms"], QUERY_TIMEOUT_MS);
    const folder = stateFolder(values.state);
    await readSettings(folder);
    const asked = { who: operatorName(), name, sql, maxRows, timeoutMs };
    const { columns, rows, cut } = await askQuery(statePaths(folder).socket, asked, signal);
    if (values.json === true)
      for (const row of rows)
        process.stdout.write(`${renderJsonLine(Object.fromEntries(columns.map((column, i) => [column, row[i]])))}\n`);
    else {
      const cells = rows.map((row) => row.map((cell) => printable(String(cell ?? "-"))));
      process.stdout.write(renderTable(columns.map(printable), cells));
    }
    if (cut) process.stderr.write(`there are more rows: only the first ${rows.length} were fetched (--max-rows)\n`);
    return 0;
  });
}

function readCount(option: string, text: string, most: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= most) return count;
  throw new UsageError(`${option}: expected 1..${most}, found ${JSON.stringify(text)}`);
}

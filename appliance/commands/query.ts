import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { renderJsonLine } from "../../core/json-line.ts";
import { listDays } from "../session/day-files.ts";
import { ANSWER_MAX_BYTES } from "../session/query.ts";
import { type Cell, QUERY_DAYS_MAX, type QueryAnswer, QueryError, queryStore, VIEWS } from "../session/query-store.ts";
import { printable } from "../session/table-lines.ts";
import { LineOutput, OutputClosedError } from "./line-output.ts";

export const QUERY_USAGE = `cepa-sensor query [--store FOLDER] [--json] SQL

Runs one SELECT over the newest ${QUERY_DAYS_MAX} days, while capture goes on or not; "-" reads the SQL from standard input. Nothing can
be changed by it.

  --store FOLDER   where the days' files are (/nsm/sessions)
  --json           one JSON object a row
  --max-rows N     rows at most; when there are more, standard error says so (100000)

${Object.entries(VIEWS)
  .map(([name, columns]) => wrapped(`${name}: ${columns.join(" ")}`))
  .join("\n")}

Times are Unix seconds: datetime(start, 'unixepoch') is text. What is as flat as encryption:
  select * from sessions where src_randomness < 1 or dst_randomness < 1

Exit status: 0 done; 1 the SQL can't be run, or there is no such store; 2 the command line is wrong.
`;

const OK = 0;
const FAILED = 1;
const USAGE = 2;
const STANDARD_INPUT = 0;
const STANDARD_OUTPUT = 1;
const CELL_WIDTH_MAX = 60;

/** `cepa-sensor query`; resolves to the exit status. */
export async function runQueryCommand(args: readonly string[], _signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      store: { type: "string", default: "/nsm/sessions" },
      json: { type: "boolean", default: false },
      answer: { type: "boolean", default: false }, // columns, rows and cut as one line: for runQuery
      "max-rows": { type: "string", default: "100000" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(QUERY_USAGE);
    return OK;
  }
  const [given, ...more] = positionals;
  if (given === undefined || more.length > 0) return complain("query: give one SQL text, in quotes", USAGE);
  const maxRows = Number(values["max-rows"]);
  if (!Number.isInteger(maxRows) || maxRows < 1) return complain("query: --max-rows takes a number from 1 on", USAGE);
  if (!values.answer && !existsSync(values.store))
    return complain(`query: --store: there is no ${values.store}`, FAILED);
  if (!values.answer && listDays(values.store).length === 0)
    return complain(`query: --store: ${values.store} has no file of a day`, FAILED);
  const sql = given === "-" ? readFileSync(STANDARD_INPUT, "utf8") : given;
  try {
    const answer = queryStore(values.store, sql, { maxRows, maxBytes: values.answer ? ANSWER_MAX_BYTES : 2 ** 30 });
    print(answer, values.answer ? "answer" : values.json ? "json" : "table");
    return OK;
  } catch (error) {
    if (error instanceof OutputClosedError) return OK;
    if (error instanceof QueryError) return complain(error.message, FAILED);
    throw error;
  }
}

function print(answer: QueryAnswer, form: "answer" | "json" | "table"): void {
  const output = new LineOutput(STANDARD_OUTPUT);
  if (form === "answer") output.write(JSON.stringify(answer));
  else if (form === "json") for (const row of answer.rows) output.write(renderObject(answer.columns, row));
  else for (const line of renderTable(answer)) output.write(line);
  output.flush();
  if (answer.cut && form !== "answer") complain(`there is more than these ${answer.rows.length} rows`, OK);
}

function renderObject(columns: readonly string[], row: readonly Cell[]): string {
  return renderJsonLine(Object.fromEntries(columns.map((column, i) => [column, row[i] ?? null])));
}

function renderTable({ columns, rows }: QueryAnswer): string[] {
  const texts = [columns, ...rows.map((row) => row.map((cell) => (cell === null ? "-" : printable(String(cell)))))];
  const widths = columns.map((_, i) =>
    Math.min(
      CELL_WIDTH_MAX,
      texts.reduce((width, row) => Math.max(width, row[i]?.length ?? 0), 0),
    ),
  );
  return texts.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Words in lines of at most 120 characters, those after the first indented. */
function wrapped(text: string): string {
  return text.replaceAll(/(.{1,116})(?: |$)/g, (_, line: string, at: number) => `${at === 0 ? "" : "\n    "}${line}`);
}

function complain(message: string, status: number): number {
  process.stderr.write(`cepa-sensor: ${message}\n`);
  return status;
}

import type { BenchResult, Machine, Scaling, Standing } from "./bench-result.ts";

const MIB = 1024 * 1024;
const COLUMNS = ["", "wall", "÷ httpry", "CPU", "÷ httpry", "RssAnon", "VmHWM", "rounds", "found"];

/** The result as Markdown: the table, and what it was measured on. */
export function renderBench(result: BenchResult): string {
  const { capture, standings, scaling } = result;
  return [
    `${renderMachine(result.machine)} ${number(capture.fileBytes / 1e6)} MB: ${number(capture.frames)} frames of ` +
      `${number(capture.bytes / capture.frames)} octets in the mean, ${number(capture.sessions)} sessions, ` +
      `${number(capture.httpRequests)} HTTP requests, ${number(capture.tlsHandshakes)} TLS handshakes, ` +
      `${number(capture.dnsQueries)} DNS queries.`,
    "",
    ...renderRows([COLUMNS, ...standings.map(rowOf)]),
    "",
    ...standings.map(({ name, version, job }) => `- ${name}${version === "" ? "" : ` ${version}`}: ${job}`),
    ...(scaling === undefined ? [] : ["", ...renderScaling(scaling)]),
    "",
  ].join("\n");
}

export function renderMachine({ cpu, cpus, memoryBytes, kernel, system, node, date }: Machine): string {
  const memory = `${number(memoryBytes / MIB / 1024)} GiB`;
  return `${date}, ${cpu}, ${cpus} CPUs, ${memory}, ${system}, Linux ${kernel}, Node.js ${node}.`;
}

function rowOf(standing: Standing): readonly string[] {
  const { name, wallMs, wallRatio, cpuMs, cpuRatio, anonBytes, residentBytes, rounds, found } = standing;
  const amounts = Object.entries(found).map(([what, amount]) => `${number(amount)} ${what}`);
  return [
    name,
    seconds(wallMs),
    ratio(wallRatio),
    seconds(cpuMs),
    ratio(cpuRatio),
    `${number(anonBytes / MIB)} MiB`,
    `${number(residentBytes / MIB)} MiB`,
    String(rounds),
    amounts.join(", "),
  ];
}

function renderScaling({ sizes, ratio: growth, memory }: Scaling): string[] {
  return [
    ...renderRows([
      ["sessions at a time", "frames", "CPU a frame"],
      ...sizes.map(({ sessionsAtATime, frames, cpuNsPerFrame }) => [
        number(sessionsAtATime),
        number(frames),
        `${number(cpuNsPerFrame)} ns`,
      ]),
    ]),
    "",
    `A frame takes ${ratio(growth)} times as long with ${number(sizes.at(-1)?.sessionsAtATime ?? 0)} sessions as with ` +
      `${number(sizes[0]?.sessionsAtATime ?? 0)}. Two workers take ${number(memory.anonBytes / MIB)} MiB of anonymous memory ` +
      `(RssAnon; ${number(memory.residentBytes / MIB)} MiB resident at most) for ${number(memory.sessionsAtATime)} sessions at ` +
      "a time.",
  ];
}

/** Markdown, padded so that it reads as text too; the first row is the heading; columns without one, and `found`, are text. */
export function renderRows(rows: readonly (readonly string[])[]): string[] {
  const [heading = []] = rows;
  const isText = (column: number) => heading[column] === "" || heading[column] === "found";
  const widths = heading.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, i) => (isText(i) ? (row[i] ?? "").padEnd(width) : (row[i] ?? "").padStart(width))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (isText(i) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(heading), rule, ...rows.slice(1).map(line)];
}

const number = (value: number) => Math.round(value).toLocaleString("en-GB");
const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
const ratio = (value: number | undefined) => (value === undefined ? "–" : value.toFixed(2));

import type { BenchResult } from "./bench-result.ts";
import { renderMachine } from "./bench-table.ts";

const WIDTH = 760;
const LEFT = 190;
const RIGHT = 70;
const TOP = 74;
const ROW = 30;
const BOTTOM = 44;
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const INK = { text: "#1f2328", faint: "#656d76", grid: "#d8dee4", wall: "#0969da", cpu: "#bc4c00", ours: "#eef6ff" };

/** The table as a picture (SVG): wall and CPU time of each, on a logarithmic scale. */
export function renderBenchChart({ standings, machine, capture }: BenchResult): string {
  const seconds = standings.flatMap(({ wallMs, cpuMs }) => [wallMs / 1000, cpuMs / 1000]);
  const from = TICKS.findLast((tick) => tick <= Math.min(...seconds)) ?? 0.1;
  const to = TICKS.find((tick) => tick >= Math.max(...seconds)) ?? 1000;
  const xOf = (value: number) =>
    LEFT + (Math.log(Math.max(value, from) / from) / Math.log(to / from)) * (WIDTH - LEFT - RIGHT);
  const height = TOP + standings.length * ROW + BOTTOM;
  const bottom = height - BOTTOM;
  const heading = `Seconds for a capture of ${Math.round(capture.fileBytes / 1e6)} MB, each doing its own job`;
  const parts = [
    text(16, 26, heading, "start", INK.text, 'font-size="16"'),
    text(16, 48, renderMachine(machine), "start", INK.faint, 'font-size="11"'),
    ...TICKS.filter((tick) => tick >= from && tick <= to).flatMap((tick) => [
      `<path d="M${round(xOf(tick))} ${TOP - 8}V${bottom}" stroke="${INK.grid}"/>`,
      text(xOf(tick), bottom + 16, `${tick}`, "middle", INK.faint),
    ]),
    ...standings.flatMap(({ name, version, wallMs, cpuMs }, row) => {
      const y = TOP + row * ROW + ROW / 2;
      const [wall, cpu] = [wallMs / 1000, cpuMs / 1000];
      return [
        version === ""
          ? `<rect x="8" y="${y - ROW / 2}" width="${WIDTH - 16}" height="${ROW}" fill="${INK.ours}"/>`
          : "",
        text(LEFT - 14, y + 4, name, "end", INK.text),
        `<path d="M${round(xOf(Math.min(wall, cpu)))} ${y}H${round(xOf(Math.max(wall, cpu)))}" stroke="${INK.faint}"/>`,
        `<circle cx="${round(xOf(cpu))}" cy="${y}" r="5" fill="none" stroke="${INK.cpu}" stroke-width="2"/>`,
        `<circle cx="${round(xOf(wall))}" cy="${y}" r="5" fill="${INK.wall}"/>`,
        text(WIDTH - RIGHT + 14, y + 4, wall.toFixed(2), "start", INK.wall),
      ];
    }),
    `<circle cx="${LEFT}" cy="${height - 12}" r="5" fill="${INK.wall}"/>`,
    text(LEFT + 12, height - 8, "wall (median)", "start", INK.text),
    `<circle cx="${LEFT + 130}" cy="${height - 12}" r="5" fill="none" stroke="${INK.cpu}" stroke-width="2"/>`,
    text(LEFT + 142, height - 8, "CPU, user and system (median)", "start", INK.text),
  ].filter((part) => part !== "");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<title>${heading}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function text(x: number, y: number, words: string, anchor: string, fill: string, more = ""): string {
  const safe = words.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<text x="${round(x)}" y="${y}" text-anchor="${anchor}" fill="${fill}" ${more}>${safe}</text>`.replace(
    " >",
    ">",
  );
}

const round = (value: number) => Math.round(value * 10) / 10;

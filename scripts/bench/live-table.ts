import { renderMachine, renderRows } from "./bench-table.ts";
import type { Heat, LiveResult } from "./live-result.ts";

/** The result as Markdown. */
export function renderLive({ machine, ringBytes, frameBytes, heats }: LiveResult): string {
  const rows = heats.map((heat) => [
    heat.framesPerSecond === undefined ? "as many as can be" : number(heat.framesPerSecond),
    heat.name,
    number((heat.sent * 1000) / heat.durationMs),
    `${(heat.durationMs / 1000).toFixed(0)} s`,
    number(heat.sent),
    lossOf(heat, heat.written),
    heat.analysed === undefined ? "–" : lossOf(heat, heat.analysed),
  ]);
  return [
    `${renderMachine(machine)} Frames of ${frameBytes} octets over a veth pair, rings of ${ringBytes / 1024 / 1024} MiB.`,
    "",
    ...renderRows([["frames/s asked", "", "sent/s", "for", "sent", "not written", "not analysed"], ...rows]),
    "",
  ].join("\n");
}

function lossOf({ sent }: Heat, caught: number): string {
  const lost = sent - caught;
  return lost === 0 ? "0" : `${number(lost)} (${((100 * lost) / sent).toFixed(2)} %)`;
}

const number = (value: number) => Math.round(value).toLocaleString("en-GB");

import { changeLines, renderStatus, type StatusView, stageLines, summaryLine, titleOf } from "./screen.ts";

/** What one terminal gets, given every look at the box: text to write, "" for nothing. */
export type Display = (view: StatusView, monotonicMs: number) => string;

const REDRAW_MS = 2_000;
const SUMMARY_MS = 60_000;
const CLEAR_SCREEN = "\x1b[H\x1b[2J";

/** For a terminal that can go back: the whole screen, again and again. */
export function redraw(): Display {
  let drawnMs = Number.NEGATIVE_INFINITY;
  return (view, monotonicMs) => {
    if (monotonicMs - drawnMs < REDRAW_MS) return "";
    drawnMs = monotonicMs;
    return CLEAR_SCREEN + renderStatus(view);
  };
}

/** Lines that stay readable in a log: stages as they are reached, states as they change, and once a minute a summary. */
export function scroll(): Display {
  let before: StatusView | undefined;
  let title: string | undefined;
  let summaryMs: number | undefined;
  return (view, monotonicMs) => {
    const lines: string[] = [];
    if (title === undefined) lines.push("cepa: status follows");
    if (title !== titleOf(view)) lines.push(`cepa: ${titleOf(view)}, image ${view.imageVersion}`);
    title = titleOf(view);
    summaryMs ??= monotonicMs;
    if (!view.isStarting) {
      lines.push(...stageLines(before, view), ...changeLines(before, view));
      before = view;
    }
    if (monotonicMs - summaryMs >= SUMMARY_MS) {
      summaryMs = monotonicMs;
      lines.push(summaryLine(view));
    }
    return lines.map((line) => `${line}\n`).join("");
  };
}

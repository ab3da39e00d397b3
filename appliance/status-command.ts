import { readFile, readlink } from "node:fs/promises";
import { parseArgs } from "node:util";
import { nodeClock } from "../core/node/clock.ts";
import { readHardware } from "./health/hardware.ts";
import { shortfallsOf } from "./health/least-hardware.ts";
import { parseImageVersion, parseUptimeMs } from "./health/plain.ts";
import { changeLines, renderStatus, type StatusView, stageLines, summaryLine, titleOf } from "./health/screen.ts";
import { loadIdentity } from "./identity-files.ts";
import { loadPending } from "./reset/reset-files.ts";
import { askStatus } from "./roles/ask.ts";
import { findOwnStore } from "./roles/store-place.ts";

const USAGE = `cepa-sensor status [--watch] [--json] [--state FOLDER] [--run FOLDER]

How far this sensor is, and why it is not further: uplink, VPN, base, key, store, capture, GPS and modem. Read-only.

  --watch          again and again: redraws a screen; on a serial line or in a pipe prints what changes
  --json           what the roles say, as one line of JSON
  --state FOLDER   the state partition (/state)
  --run FOLDER     sockets of the roles (/run/cepa)
`;
const REDRAW_MS = 2_000;
const LOOK_MS = 500;
const SUMMARY_MS = 60_000;
const CLEAR_SCREEN = "\x1b[H\x1b[2J";

/** Resolves with the exit status; with --watch, rejects with an AbortError when \`signal\` aborts. */
export async function runStatusCommand(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      watch: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      state: { type: "string", default: "/state" },
      run: { type: "string", default: "/run/cepa" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const look = () => readView(values.state, values.run, signal);
  const print = (text: string) => process.stdout.write(text);
  if (values.help) print(USAGE);
  else if (!values.watch) {
    const view = await look();
    print(values.json ? `${JSON.stringify(view)}\n` : renderStatus(view));
  } else if (values.json) {
    for (;;) {
      print(`${JSON.stringify(await look())}\n`);
      await nodeClock.sleep(REDRAW_MS, signal);
    }
  } else if (await canRedraw()) {
    for (;;) {
      print(CLEAR_SCREEN + renderStatus(await look()));
      await nodeClock.sleep(REDRAW_MS, signal);
    }
  } else await scroll(look, print, signal);
  return 0;
}

/** Lines that stay readable in a log: stages as they are reached, states as they change, and once a minute a summary. */
async function scroll(
  look: () => Promise<StatusView>,
  print: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  print("cepa: status follows\n");
  let before: StatusView | undefined;
  let summaryMs = nodeClock.monotonicMs();
  for (;;) {
    const view = await look();
    const lines = [...stageLines(before, view), ...changeLines(before, view)];
    if (before === undefined || titleOf(before) !== titleOf(view))
      lines.unshift(`cepa: ${titleOf(view)}, image ${view.imageVersion}`);
    if (nodeClock.monotonicMs() - summaryMs >= SUMMARY_MS) {
      summaryMs = nodeClock.monotonicMs();
      lines.push(summaryLine(view));
    }
    if (lines.length > 0) print(lines.map((line) => `${line}\n`).join(""));
    before = view;
    await nodeClock.sleep(LOOK_MS, signal);
  }
}

async function readView(stateFolder: string, runFolder: string, signal: AbortSignal): Promise<StatusView> {
  const textOf = (path: string) => readFile(path, "utf8").catch(() => "");
  const [link, vault, capture, phoneHome, update] = await Promise.all([
    askStatus(runFolder, "link", signal),
    askStatus(runFolder, "vault", signal),
    askStatus(runFolder, "capture", signal),
    askStatus(runFolder, "phone-home", signal),
    askStatus(runFolder, "update", signal),
  ]);
  const identity = await loadIdentity(stateFolder).catch(() => null);
  return {
    atMs: nodeClock.nowMs(),
    uptimeMs: parseUptimeMs(await textOf("/proc/uptime")),
    imageVersion: parseImageVersion(await textOf("/etc/os-release")),
    identity: identity === null ? null : { name: identity.name, sensorId: identity.sensorId },
    link,
    vault,
    capture,
    phoneHome,
    update,
    shortfalls: shortfallsOf(await readHardware(stateFolder, await findOwnStore(stateFolder))),
    reset: (await loadPending(stateFolder))?.what ?? null,
  };
}

/** A virtual console or a terminal emulator; a serial line is neither. */
async function canRedraw(): Promise<boolean> {
  if (!process.stdout.isTTY) return false;
  const terminal = await readlink("/proc/self/fd/1").catch(() => "");
  return /^\/dev\/(?:tty\d+|pts\/\d+)$/.test(terminal);
}

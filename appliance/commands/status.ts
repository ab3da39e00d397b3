import { write } from "node:fs";
import { access, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { isatty } from "node:tty";
import { parseArgs } from "node:util";
import { nodeClock } from "../../core/node/clock.ts";
import { handedFiles } from "../../core/node/handed-files.ts";
import { keepWatchdogQuiet, WATCHDOG_FILE } from "../../core/node/service-watchdog.ts";
import { type Display, redraw, scroll } from "../health/display.ts";
import { readHardware } from "../health/hardware.ts";
import { shortfallsOf } from "../health/least-hardware.ts";
import { parseImageVersion, parseUptimeMs } from "../health/plain.ts";
import { renderStatus, type StatusView } from "../health/screen.ts";
import { loadIdentity } from "../identity-files.ts";
import { loadPending } from "../reset/reset-files.ts";
import { askStatus } from "../roles/ask.ts";
import { findOwnStore } from "../roles/store-place.ts";

const USAGE = `cepa-sensor status [--watch] [--json] [--state FOLDER] [--run FOLDER]

How far this sensor is, and why it is not further: uplink, VPN, base, key, store, capture, GPS and modem. Read-only.

  --watch          again and again: redraws a screen; on a serial line or in a pipe prints what changes. As a service of
                   systemd, on each terminal that is handed over (OpenFile=)
  --json           what the roles say, as one line of JSON
  --state FOLDER   the state partition (/state)
  --run FOLDER     sockets of the roles (/run/cepa)
`;
const REDRAW_MS = 2_000;
const LOOK_MS = 500;
const STANDARD_OUTPUT = 1;

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
  } else await watch(look, signal);
  return 0;
}

async function watch(look: () => Promise<StatusView>, signal: AbortSignal): Promise<void> {
  keepWatchdogQuiet();
  const handed = [...handedFiles(process.env, process.pid)];
  const terminals = handed.filter(([name]) => name !== WATCHDOG_FILE).map(([, file]) => file);
  const files = terminals.length > 0 ? terminals : [STANDARD_OUTPUT];
  const shows = await Promise.all(
    files.map(async (file) => ({ display: (await canRedraw(file)) ? redraw() : scroll(), print: printer(file) })),
  );
  for (;;) {
    const view = await look();
    for (const { display, print } of shows) print(display, view);
    await nodeClock.sleep(LOOK_MS, signal);
  }
}

type Printer = (display: Display, view: StatusView) => void;

/** A terminal that takes nothing (a serial line that is held up) is asked again when it has taken what it was given. */
function printer(file: number): Printer {
  if (file === STANDARD_OUTPUT) return (display, view) => process.stdout.write(display(view, nodeClock.monotonicMs()));
  let isBusy = false;
  const put = (octets: Buffer) =>
    write(file, octets, 0, octets.length, null, (error, written) => {
      isBusy = error === null && written < octets.length;
      if (isBusy) put(octets.subarray(written));
      else if (error !== null) throw error; // the terminal is gone: the service starts anew
    });
  return (display, view) => {
    if (isBusy) return;
    const octets = Buffer.from(display(view, nodeClock.monotonicMs()));
    if (octets.length === 0) return;
    isBusy = true;
    put(octets);
  };
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
  const isThere = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  const identity = await loadIdentity(stateFolder).catch(() => null);
  // what the box has is known once its ports are
  const isKnown = await isThere(join(runFolder, "ports.json"));
  return {
    atMs: nodeClock.nowMs(),
    uptimeMs: parseUptimeMs(await textOf("/proc/uptime")),
    imageVersion: parseImageVersion(await textOf("/etc/os-release")),
    isStarting: identity === null && (await readdir(stateFolder).catch(() => [""])).length === 0,
    identity: identity === null ? null : { name: identity.name, sensorId: identity.sensorId },
    link,
    vault,
    capture,
    phoneHome,
    update,
    shortfalls: isKnown ? shortfallsOf(await readHardware(stateFolder, await findOwnStore(stateFolder))) : [],
    reset: (await loadPending(stateFolder))?.what ?? null,
  };
}

/** A virtual console or a terminal emulator; a serial line is neither. */
async function canRedraw(file: number): Promise<boolean> {
  if (!isatty(file)) return false;
  const terminal = await readlink(`/proc/self/fd/${file}`).catch(() => "");
  return /^\/dev\/(?:tty\d+|pts\/\d+)$/.test(terminal);
}

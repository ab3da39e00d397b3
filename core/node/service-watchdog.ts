import { write } from "node:fs";
import { handedFiles } from "./handed-files.ts";

/** The name of systemd's socket in a unit: `OpenFile=/run/systemd/notify:watchdog`. */
export const WATCHDOG_FILE = "watchdog";
const PING = Buffer.from("WATCHDOG=1");
/** So many in each time-out: one that comes late is no reason to end a service. */
const PINGS = 4;

/** Where the pings go, and how often; undefined when systemd does not watch this process (sd_watchdog_enabled(3)). */
export function findWatchdog(
  environment: NodeJS.ProcessEnv,
  pid: number,
): { readonly file: number; readonly everyMs: number } | undefined {
  const file = handedFiles(environment, pid).get(WATCHDOG_FILE);
  const timeoutUs = Number(environment.WATCHDOG_USEC ?? 0);
  if (file === undefined || environment.WATCHDOG_PID !== String(pid) || !(timeoutUs > 0)) return undefined;
  return { file, everyMs: timeoutUs / 1000 / PINGS };
}

/**
 * Tells systemd again and again that the event loop of this process turns (WATCHDOG=1 of sd_notify(3)), for as long as the process lives: one
 * that hangs is ended and started anew (WatchdogSec=). Node.js has no datagram sockets of Unix: systemd opens its own for the service, and a
 * write to it is a datagram. Does nothing when systemd does not watch.
 */
export function keepWatchdogQuiet(): void {
  const watchdog = findWatchdog(process.env, process.pid);
  if (watchdog === undefined) return;
  const ping = () =>
    write(watchdog.file, PING, (error) => {
      if (error !== null) process.stderr.write(`cepa-sensor: systemd's watchdog can't be told: ${error.message}\n`);
    });
  ping();
  setInterval(ping, watchdog.everyMs).unref();
}

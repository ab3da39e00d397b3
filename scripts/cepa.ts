#!/usr/bin/env node
import packageJson from "../package.json" with { type: "json" };
import { runAlertsCommand } from "./alerts-command.ts";
import { runAuditCommand } from "./audit-command.ts";
import { runBaseCommand } from "./base-command.ts";
import { runFlashCommand } from "./flash-command.ts";
import { runImageCommand } from "./image-command.ts";
import { runInitCommand } from "./init-command.ts";
import { runPcapCommand } from "./pcap-command.ts";
import { runQueryCommand } from "./query-command.ts";
import { runSensorCommand } from "./sensor-command.ts";
import { runUpdateCommand } from "./update-command.ts";

const USAGE = `usage: cepa COMMAND …

  init           make a provider: certificate authority, keys, settings
  image build    build the disk image of a sensor
  image keys     make the keys that boxes trust, and change the one that signs what boots
  image lock     write down which packages an image is made of
  image cves     list the known flaws of an image's packages
  sensor         add, list, show, set, hold, release, reset, wipe and remove sensors
  flash          write the image and one sensor's identity on a disk
  base run       run base: the VPN, key release, the link, the alert inbox
  update         publish versions of the image, and say who gets them
  query          ask a sensor's session store in SQL
  pcap           fetch full content from a sensor
  alerts         emergency messages that sensors have sent
  audit          check that the audit log is whole, or begin a new one

cepa COMMAND --help says more, cepa --version which this is. Commands that know a provider take --state DIR, else CEPA_STATE, else
~/.local/share/cepa. Exit status: 0 done, 1 failed, 2 not understood.
`;

type Command = (args: readonly string[], signal: AbortSignal) => Promise<number>;

const COMMANDS: Readonly<Record<string, Command>> = {
  init: runInitCommand,
  image: runImageCommand,
  sensor: runSensorCommand,
  flash: runFlashCommand,
  base: runBaseCommand,
  update: runUpdateCommand,
  query: runQueryCommand,
  pcap: runPcapCommand,
  alerts: runAlertsCommand,
  audit: runAuditCommand,
};

/** `| head` has read enough: no error. A full disk is one. */
async function main(): Promise<number> {
  const stop = new AbortController();
  let outputStatus: number | undefined;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    outputStatus ??= error.code === "EPIPE" ? 0 : 1;
    if (error.code !== "EPIPE") process.stderr.write(`cepa: standard output: ${error.message}\n`);
    process.exitCode = outputStatus;
    stop.abort(error);
  });
  const status = await runCommandLine(stop);
  return outputStatus ?? status;
}

async function runCommandLine(stop: AbortController): Promise<number> {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    (name === undefined ? process.stderr : process.stdout).write(USAGE);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    process.stdout.write(`cepa ${packageJson.version}\n`);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`cepa: there is no command ${JSON.stringify(name)}\n${USAGE}`);
    return 2;
  }
  const onSignal = () => stop.abort(new DOMException("stopped by a signal", "AbortError"));
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    return await command(args, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return 130;
    process.stderr.write(`cepa ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

void main().then((status) => {
  process.exitCode = status;
});

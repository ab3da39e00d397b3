import { parseArgs } from "node:util";
import { isMainThread } from "node:worker_threads";
import { ROLE_NAMES, type RoleName } from "../core/contract/role.ts";
import { keepWatchdogQuiet } from "../core/node/service-watchdog.ts";
import packageJson from "../package.json" with { type: "json" };
import type { RoleFolders } from "./roles/role-folders.ts";
import { awaitWorkerData, readWorkerName, type WorkerName } from "./worker.ts";

const APPLIANCE_FOLDERS: RoleFolders = { stateFolder: "/state", runFolder: "/run/cepa", nsmFolder: "/nsm" };

const USAGE = `cepa-sensor: a network security monitoring sensor

  cepa-sensor read [--json] FILE...      sessions and HTTP requests of pcap and pcapng files
  cepa-sensor query SQL                  read-only SQL over the sessions of the store
  cepa-sensor pcap -w FILE [--session ID | --filter BPF]
                                         frames out of the store
  cepa-sensor profile learn|check|show   how the entropy of a protocol develops, and what leaves that
  cepa-sensor status [--watch] [--json]  how far this sensor is
  cepa-sensor network                    sets the ports up; run once at boot, as root
  cepa-sensor admit-key                  brings the next key of Secure Boot into the firmware; run once at boot, as root
  cepa-sensor check-root                 reads every block of the root file system; run once a day, as root
  cepa-sensor import DEVICE              makes an update on a USB stick ready
  cepa-sensor install                    installs an update that is ready; run as root
  cepa-sensor store-disk                 gets the store's own disk ready; run once at boot, as root
  cepa-sensor renew-loader               brings an update's boot loader to the ESP; run at boot, as root
  cepa-sensor trial                      watches a new version until it is good or bad; run once at boot, as root
  cepa-sensor reset                      settings back, or everything erased, as base or the button wants it; run as root
  cepa-sensor usb PORT                   lets a USB device work that is allowed; run when one is plugged in, as root
  cepa-sensor run ROLE                   one role of the sensor: ${ROLE_NAMES.join(", ")}
  cepa-sensor --version

\`cepa-sensor COMMAND --help\` says more.
`;

const RUN_USAGE = `cepa-sensor run ROLE [--state FOLDER] [--run FOLDER] [--nsm FOLDER]

Runs one role until SIGTERM. ROLE is one of
  capture      frames of the SPAN ports into pcap files and sessions
  vault        asks base for the key and opens the store
  link         keeps base informed, carries its questions
  phone-home   position, and the call for help by cellular modem
  update       downloads and checks newer versions of the image

  --state FOLDER   the state partition (${APPLIANCE_FOLDERS.stateFolder})
  --run FOLDER     sockets of the roles (${APPLIANCE_FOLDERS.runFolder})
  --nsm FOLDER     the capture store (${APPLIANCE_FOLDERS.nsmFolder})
`;

type Command = (args: readonly string[], signal: AbortSignal) => Promise<number>;

/** Loaded when they are asked for: a role neither loads nor initialises the code of another. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  "admit-key": async () => (await import("./commands/admit-key.ts")).runAdmitKeyCommand,
  "check-root": async () => (await import("./commands/check-root.ts")).runCheckRootCommand,
  import: async () => (await import("./commands/import.ts")).runImportCommand,
  install: async () => (await import("./commands/install.ts")).runInstallCommand,
  network: async () => (await import("./commands/network.ts")).runNetworkCommand,
  pcap: async () => (await import("./commands/pcap.ts")).runPcapCommand,
  profile: async () => (await import("./commands/profile.ts")).runProfileCommand,
  query: async () => (await import("./commands/query.ts")).runQueryCommand,
  read: async () => (await import("./commands/read.ts")).runReadCommand,
  "renew-loader": async () => (await import("./commands/renew-loader.ts")).runRenewLoaderCommand,
  reset: async () => (await import("./commands/reset.ts")).runResetCommand,
  run: async () => runRole,
  status: async () => (await import("./commands/status.ts")).runStatusCommand,
  "store-disk": async () => (await import("./commands/store-disk.ts")).runStoreDiskCommand,
  trial: async () => (await import("./commands/trial.ts")).runTrialCommand,
  usb: async () => (await import("./commands/usb.ts")).runUsbCommand,
};

type Role = (folders: RoleFolders, signal: AbortSignal) => Promise<void>;

const ROLES: Readonly<Partial<Record<RoleName, () => Promise<Role>>>> = {
  capture: async () => (await import("./roles/capture.ts")).runCaptureRole,
  link: async () => (await import("./roles/link.ts")).runLinkRole,
  "phone-home": async () => (await import("./roles/phone-home.ts")).runPhoneHomeRole,
  update: async () => (await import("./roles/update.ts")).runUpdateRole,
  vault: async () => (await import("./roles/vault.ts")).runVaultRole,
};

const WORKERS: Readonly<Partial<Record<WorkerName, () => Promise<(data: unknown) => Promise<void>>>>> = {
  "capture-analyser": async () => (await import("./roles/capture-analyser.ts")).runAnalyserThread,
  "capture-analysis": async () => (await import("./roles/capture-analysis.ts")).runAnalysisThread,
  "capture-writer": async () => (await import("./roles/capture-writer.ts")).runWriterThread,
  "read-worker": async () => (await import("./commands/read-worker.ts")).runReadWorker,
};

async function runRole(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      state: { type: "string" },
      run: { type: "string" },
      nsm: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    process.stdout.write(RUN_USAGE);
    return 0;
  }
  const [name, ...more] = positionals;
  const load = ROLES[name as RoleName];
  if (load === undefined || more.length > 0) throw new UsageError(`run: which role? One of ${ROLE_NAMES.join(", ")}`);
  const role = await load();
  keepWatchdogQuiet();
  const folders: RoleFolders = {
    stateFolder: values.state ?? APPLIANCE_FOLDERS.stateFolder,
    runFolder: values.run ?? APPLIANCE_FOLDERS.runFolder,
    nsmFolder: values.nsm ?? APPLIANCE_FOLDERS.nsmFolder,
  };
  await role(folders, signal);
  return 0;
}

/** The command line can't be understood; exit status 2. */
class UsageError extends Error {
  override readonly name = "UsageError";
}

async function runCommandLine(args: readonly string[], signal: AbortSignal): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version") {
    process.stdout.write(`cepa-sensor ${packageJson.version}\n`);
    return 0;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  const load = name === undefined ? undefined : Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) throw new UsageError(name === undefined ? "what shall it do?" : `unknown command: ${name}`);
  const command = await load();
  return command(rest, signal);
}

async function runMain(): Promise<void> {
  const stop = new AbortController();
  const args = process.argv.slice(2);
  // SQLite doesn't let go while it works: there a signal ends the process, as without a handler.
  if (args[0] !== "query")
    for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(name, () => stop.abort());
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") process.stderr.write(`cepa-sensor: standard output: ${error.message}\n`);
    process.exitCode = error.code === "EPIPE" ? 0 : 1;
    stop.abort(); // nobody reads any more
  });
  try {
    process.exitCode = await runCommandLine(args, stop.signal);
  } catch (error) {
    process.exitCode = exitStatusOf(error, stop.signal);
  }
}

/** Says what is wrong, and where when it is a fault of ours; a stop by signal is a normal end. */
function exitStatusOf(error: unknown, signal: AbortSignal): number {
  if (signal.aborted && (error as Error).name === "AbortError") return 0;
  const { name, message, code, stack } = error as NodeJS.ErrnoException;
  if (error instanceof UsageError || code?.startsWith("ERR_PARSE_ARGS")) {
    process.stderr.write(`cepa-sensor: ${message}\nTry \`cepa-sensor --help\`.\n`);
    return 2;
  }
  const isOfTheWorld = code !== undefined || name === "ConfigError";
  process.stderr.write(`cepa-sensor: ${isOfTheWorld ? message : (stack ?? message)}\n`);
  return 1;
}

async function runWorker(): Promise<void> {
  const name = readWorkerName();
  if (name === undefined) return;
  const load = WORKERS[name];
  if (load === undefined) throw new Error(`no worker ${name}`);
  const work = await load();
  await work(awaitWorkerData());
}

if (!isMainThread) void runWorker();
else if (import.meta.main) void runMain();

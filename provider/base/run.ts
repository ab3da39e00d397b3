import { createHash } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { type Clock, type Exec, ExecError, type Log } from "../../core/ports.ts";
import { runTogether } from "../../core/run-together.ts";
import type { Secret } from "../../core/secret.ts";
import { runWebhook } from "../alerts/webhook.ts";
import type { Authority } from "../ca/authority.ts";
import { openAuthority } from "../ca/authority.ts";
import { sensorById } from "../fleet/sensors.ts";
import { createKeyService } from "../keys/key-service.ts";
import { createLinkHub } from "../link/link-hub.ts";
import {
  HTTPS_KEY_LABEL,
  openProvider,
  openSealed,
  type Provider,
  TLS_CRYPT_V2_LABEL,
  unlockMasterKey,
  VPN_KEY_LABEL,
} from "../state/provider.ts";
import { baseAddress, StateError } from "../state/settings.ts";
import { createUpdateService } from "../updates/update-service.ts";
import { makeDevices, removeDevices } from "../vpn/devices.ts";
import { installFirewall, removeFirewall, runFirewallWatch } from "../vpn/firewall.ts";
import type { ConnectedClient } from "../vpn/management.ts";
import { renderRouteScript, renderServerConfig, TRANSPORTS, type Transport } from "../vpn/server-config.ts";
import { runServerProcess, type ServerProcess } from "../vpn/server-process.ts";
import { askSensors } from "./api-client.ts";
import { runApiServer } from "./api-server.ts";
import { runCrlRenewal } from "./crl-renewal.ts";
import { runHttpsServer } from "./https-server.ts";
import type { Report } from "./stage.ts";

export interface BaseOptions {
  readonly stateFolder: string;
  /** Address that the OpenVPN servers listen on. */
  readonly listenAddress: string;
  readonly webhook: { readonly host: string; readonly port: number };
}

export interface BasePorts {
  readonly clock: Clock;
  readonly exec: Exec;
  readonly log: Log;
  readonly report: Report;
}

/** This machine, or this user, can't run base. */
export class BaseSetupError extends Error {
  override readonly name = "BaseSetupError";
}

const CLEAN_UP_MS = 30_000;

/** Base: everything until `signal` aborts, then everything taken away again. Throws the AbortError of `signal` then. */
export async function runBase(
  options: BaseOptions,
  passphrase: Secret,
  ports: BasePorts,
  signal: AbortSignal,
): Promise<void> {
  const provider = await openProvider(options.stateFolder);
  let machine: Server | undefined;
  try {
    await refuseSecond(provider, signal);
    await checkPrograms(ports.exec, signal);
    const masterKey = await unlockMasterKey(provider.paths, passphrase);
    const authority = await openAuthority(provider.settings.authorityFolder, passphrase).catch((error: unknown) => {
      if (error instanceof StateError && error.code === "noState") return undefined; // its folder is elsewhere
      throw error;
    });
    passphrase.wipe();
    machine = await claimMachine();
    tellOfAuditLog(provider, ports);
    const runFolder = runFolderOf(options.stateFolder);
    await rm(runFolder, { recursive: true, force: true }); // of a base that was killed
    await mkdir(runFolder, { mode: 0o700 });
    try {
      await serve(options, provider, masterKey, authority, runFolder, ports, signal);
    } finally {
      masterKey.wipe();
      const cleanUp = AbortSignal.timeout(CLEAN_UP_MS);
      await removeFirewall(ports.exec, cleanUp).catch((error) => ports.log("warning", String(error)));
      await removeDevices(ports.exec, cleanUp);
      await rm(runFolder, { recursive: true, force: true });
      await rm(provider.paths.socket, { force: true });
      ports.report({ stage: "stopped", atMs: ports.clock.nowMs() });
    }
  } finally {
    machine?.close();
    provider.database.close();
  }
}

/** Base runs without one that can be written, for what needs no entry; a box then gets no key, and its screen can't say why. */
function tellOfAuditLog({ audit }: Provider, { log }: BasePorts): void {
  try {
    audit.check();
  } catch (error) {
    log("error", `no sensor gets its key: ${(error as Error).message}`);
  }
}

/**
 * Tunnel devices and the packet filter's table are one for a network namespace, and so is an abstract socket's name, which
 * goes with its process: unix(7). A second base, of another provider, would take away the first one's.
 */
async function claimMachine(): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen("\0cepa-base", resolve);
  }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EADDRINUSE") throw cause;
    throw new BaseSetupError("base runs already on this machine, for another provider; stop that one first", { cause });
  });
  return server;
}

/**
 * Configurations, management sockets and OpenVPN's keys of this run. /run is in memory, so that no key is on a disk in clear; and
 * below the state folder the path may be too long for a socket.
 */
function runFolderOf(stateFolder: string): string {
  return `/run/cepa-base-${createHash("sha256").update(stateFolder).digest("hex").slice(0, 16)}`;
}

async function serve(
  options: BaseOptions,
  provider: Provider,
  masterKey: Secret,
  authority: Authority | undefined,
  runFolder: string,
  ports: BasePorts,
  signal: AbortSignal,
): Promise<void> {
  const { settings } = provider;
  const { clock, exec, report } = ports;
  await installFirewall(settings, exec, signal);
  await makeDevices(settings, exec, signal).catch((cause: unknown) => {
    throw new BaseSetupError(`the tunnel devices could not be made; is /dev/net/tun there? ${String(cause)}`, {
      cause,
    });
  });
  const servers = await writeServerConfigs(options, provider, masterKey, runFolder);
  const serverKey = await openSealed(provider.paths.httpsKey, masterKey, HTTPS_KEY_LABEL);

  const keys = createKeyService(provider, masterKey, ports);
  const links = createLinkHub(provider, ports);
  const updates = createUpdateService(provider);
  const clients = new Map<Transport, readonly ConnectedClient[]>();
  const clientsOf = (sensorId: string) =>
    TRANSPORTS.flatMap((transport) => clients.get(transport) ?? []).filter((client) => client.sensorId === sensorId);

  const waitingFor = new Set<string>([...TRANSPORTS, "https", "webhook", "api"]);
  let webhookAddress = "";
  const up = (what: string) => {
    if (!waitingFor.delete(what) || waitingFor.size > 0) return;
    report({
      stage: "listening",
      atMs: clock.nowMs(),
      address: baseAddress(settings),
      udpPort: settings.listenUdpPort,
      tcpPort: settings.listenTcpPort,
      basePort: settings.basePort,
      webhook: webhookAddress,
    });
  };
  const vpnEvents = {
    ready: up,
    clients(transport: Transport, now: readonly ConnectedClient[]) {
      const before = clients.get(transport) ?? [];
      clients.set(transport, now);
      reportChanges(provider, transport, before, now, ports);
    },
    ended: (transport: Transport, why: string, restartInMs: number) =>
      report({ stage: "vpnServerEnded", atMs: clock.nowMs(), transport, why, restartInMs }),
  };
  const onFirewallRestored = () => report({ stage: "firewallRestored", atMs: clock.nowMs() });
  let reloadCrl = async (): Promise<void> => {};
  const onHttps = (reload: () => Promise<void>) => {
    reloadCrl = async () => {
      await reload();
      links.closeRevoked();
    };
    up("https");
  };
  const onWebhook = (address: string) => {
    webhookAddress = address;
    up("webhook");
  };
  await runTogether(signal, [
    ...servers.map((server) => (jobSignal: AbortSignal) => runServerProcess(server, vpnEvents, ports, jobSignal)),
    (jobSignal) => runFirewallWatch(settings, ports, onFirewallRestored, jobSignal),
    (jobSignal) => runCrlRenewal(provider, authority, ports, () => reloadCrl(), jobSignal),
    (jobSignal) =>
      runHttpsServer(provider, { keys, links, updates, serverKey }, baseAddress(settings), ports, onHttps, jobSignal),
    (jobSignal) => runWebhook(provider, options.webhook, ports, onWebhook, jobSignal),
    (jobSignal) => runApiServer(provider, { links, keys, updates, clientsOf }, ports, () => up("api"), jobSignal),
  ]).finally(() => serverKey.wipe());
}

async function writeServerConfigs(
  options: BaseOptions,
  provider: Provider,
  masterKey: Secret,
  runFolder: string,
): Promise<readonly ServerProcess[]> {
  const { settings, paths } = provider;
  const files = {
    keyPath: join(runFolder, "server.key"),
    tlsCryptV2Path: join(runFolder, "tls-crypt-v2.key"),
    routeScript: join(runFolder, "learn-address"),
  };
  for (const [path, sealed, label] of [
    [files.keyPath, paths.vpnKey, VPN_KEY_LABEL],
    [files.tlsCryptV2Path, paths.tlsCryptV2, TLS_CRYPT_V2_LABEL],
  ] as const) {
    const key = await openSealed(sealed, masterKey, label);
    await writeFile(path, key.reveal(), { mode: 0o600 });
    key.wipe();
  }
  await writeFile(files.routeScript, renderRouteScript(baseAddress(settings)), { mode: 0o700 });
  return Promise.all(
    TRANSPORTS.map(async (transport) => {
      const configPath = join(runFolder, `${transport}.conf`);
      const managementSocket = join(runFolder, `${transport}.sock`);
      const { listenAddress } = options;
      const config = renderServerConfig({ ...files, transport, settings, paths, listenAddress, managementSocket });
      await writeFile(configPath, config, { mode: 0o600 });
      return { transport, configPath, managementSocket };
    }),
  );
}

function reportChanges(
  provider: Provider,
  transport: Transport,
  before: readonly ConnectedClient[],
  now: readonly ConnectedClient[],
  ports: BasePorts,
): void {
  const atMs = ports.clock.nowMs();
  const nameOf = (sensorId: string) => sensorById(provider.database, sensorId)?.name ?? sensorId;
  const isSame = (a: ConnectedClient, b: ConnectedClient) => a.sensorId === b.sensorId && a.from === b.from;
  for (const old of before)
    if (!now.some((client) => client.sensorId === old.sensorId)) {
      const { sensorId } = old;
      ports.report({ stage: "vpnDisconnected", atMs, sensor: nameOf(sensorId), sensorId, transport });
    }
  for (const client of now)
    if (!before.some((old) => isSame(old, client))) {
      const { sensorId, vpnAddress: address, from } = client;
      ports.report({ stage: "vpnConnected", atMs, sensor: nameOf(sensorId), sensorId, address, transport, from });
    }
}

/** sun_path of unix(7), without the zero at its end. */
const SOCKET_PATH_MAX_BYTES = 107;

async function refuseSecond(provider: Provider, signal: AbortSignal): Promise<void> {
  if (Buffer.byteLength(provider.paths.socket) > SOCKET_PATH_MAX_BYTES)
    throw new BaseSetupError(
      `${provider.paths.socket}: a socket's path has at most ${SOCKET_PATH_MAX_BYTES} octets; move the state folder`,
    );
  const isThere = await askSensors(provider.paths.socket, AbortSignal.any([signal, AbortSignal.timeout(5000)])).then(
    () => true,
    () => false,
  );
  signal.throwIfAborted();
  if (isThere) throw new BaseSetupError(`base runs already for ${provider.paths.folder}`);
}

const PROGRAMS = [
  ["openvpn", ["--version"], "openvpn"],
  ["nft", ["list", "tables"], "nftables"],
  ["ip", ["-V"], "iproute2"],
  ["setpriv", ["--version"], "util-linux"],
] as const;

async function checkPrograms(exec: Exec, signal: AbortSignal): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new BaseSetupError("base needs root: it makes tunnel devices, routes and packet filter rules; use sudo");
  for (const [program, args, debianPackage] of PROGRAMS)
    await exec(program, args, signal, { timeoutMs: 10_000 }).catch((cause: unknown) => {
      signal.throwIfAborted();
      if (cause instanceof ExecError && cause.status === undefined)
        throw new BaseSetupError(`${program} can't be run; install it: apt-get install ${debianPackage}`, { cause });
      throw new BaseSetupError(`${program} does not work here (is CAP_NET_ADMIN missing?): ${String(cause)}`, {
        cause,
      });
    });
}

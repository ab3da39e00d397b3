import { execFile } from "node:child_process";
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Reach } from "../../appliance/link/reach.ts";
import { runLinkRole } from "../../appliance/roles/link.ts";
import { runUpdateRole } from "../../appliance/roles/update.ts";
import type { UpdatePorts } from "../../appliance/update/service.ts";
import type { BoxImage } from "../../appliance/update/verify-set.ts";
import { type SensorIdentity, STATE_FILES } from "../../core/contract/identity.ts";
import type { SensorEvent } from "../../core/contract/role.ts";
import { configSignatureInput } from "../../core/contract/sensor-config.ts";
import { nodeClock } from "../../core/node/clock.ts";
import { runTogether } from "../../core/run-together.ts";
import { Secret } from "../../core/secret.ts";
import { runHttpsServer } from "../../provider/base/https-server.ts";
import { type SensorView, viewOf } from "../../provider/base/status.ts";
import {
  createAuthority,
  issueSensorCertificate,
  issueServerCertificate,
  readRequest,
} from "../../provider/ca/authority.ts";
import { publishCrl, recordCertificate } from "../../provider/fleet/certificates.ts";
import { addSensor, type Sensor, sensorByName } from "../../provider/fleet/sensors.ts";
import { createKeyService } from "../../provider/keys/key-service.ts";
import { createLinkHub } from "../../provider/link/link-hub.ts";
import { createDatabase } from "../../provider/state/database.ts";
import { statePaths } from "../../provider/state/paths.ts";
import { openProvider, type Provider } from "../../provider/state/provider.ts";
import { createUpdateService, type UpdateService } from "../../provider/updates/update-service.ts";
import { parseSubnet } from "../../provider/vpn/subnet.ts";

const run = promisify(execFile);
const PROJECT = dirname(dirname(import.meta.dirname));
const LOOPBACK = "127.0.0.1";
const NAME = "box";

/** What the proxy between a sensor and base does, once, to the first connection that is so long. */
export interface Cut {
  /** Octets from base that pass; then `meanwhile` happens, and the connection is cut. */
  readonly afterBytes: number;
  readonly meanwhile?: () => Promise<void>;
}

/** Base's HTTPS server and its state on loopback, without a VPN; one sensor, whose roles run in this process. */
export class UpdateBase {
  readonly provider: Provider;
  readonly updates: UpdateService;
  readonly sensor: Sensor;
  readonly folder: string;
  /** The next one; taken away when it happens. */
  cut: Cut | undefined;
  /** Octets of base that went by the proxy. */
  passedBytes = 0;
  readonly #port: number;
  readonly #proxy: Server;
  readonly #stop = new AbortController();
  #serving: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, provider: Provider, sensor: Sensor, port: number) {
    this.folder = folder;
    this.provider = provider;
    this.sensor = sensor;
    this.updates = createUpdateService(provider);
    this.#port = port;
    this.#proxy = createServer((socket) => this.#pass(socket));
  }

  static async start(folder: string): Promise<UpdateBase> {
    const state = join(folder, "state");
    const paths = statePaths(state);
    const nowMs = Date.now();
    for (const name of ["", "vpn", "https"]) await mkdir(join(state, name), { mode: 0o700 });
    const authority = await createAuthority(
      paths.defaultAuthorityFolder,
      new Secret(Buffer.from("a passphrase")),
      nowMs,
    );
    const port = await freePort();
    await writeFile(
      paths.settings,
      JSON.stringify({
        ...{ vpnSubnet: "10.213.0.0/16", remoteHost: "192.0.2.1", remoteUdpPort: 1194, remoteTcpPort: 443 },
        ...{ listenUdpPort: 1194, listenTcpPort: 443, basePort: port, smsNumber: "+441632960961" },
        ...{ authorityFolder: paths.defaultAuthorityFolder, createdAtMs: nowMs },
      }),
    );
    createDatabase(paths.database).close();
    const provider = await openProvider(state);
    const authorityPem = `${authority.certificate.toString("pem")}\n`;
    await writeFile(paths.vpnAuthority, authorityPem);
    const server = await issueServerCertificate(authority, "base", [{ type: "ip", value: LOOPBACK }], nowMs);
    await writeFile(paths.httpsCertificate, server.certificatePem);
    await publishCrl(provider.database, authority, paths.vpnCrl, nowMs);

    const { id } = addSensor(provider.database, NAME, parseSubnet("10.213.0.0/16"), nowMs);
    const { database } = provider;
    database.prepare("update sensors set state = 'active', address = ?, enrolment = 1 where id = ?").run(LOOPBACK, id);
    const keyPath = join(folder, "sensor.key");
    await run("openssl", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", keyPath]);
    const csr = await run("openssl", ["req", "-new", "-key", keyPath, "-subj", `/CN=${id}`]);
    const request = await readRequest(csr.stdout);
    if (request === undefined) throw new Error("openssl made no request");
    const certificate = await issueSensorCertificate(authority, id, request.publicKey, nowMs);
    recordCertificate(database, id, certificate, nowMs);
    await writeFile(join(folder, "sensor.crt"), certificate.pem);
    await writeFile(join(folder, "ca.crt"), authorityPem);

    const base = new UpdateBase(folder, provider, sensorByName(database, NAME), port);
    await new Promise<void>((resolve) => base.#proxy.listen(0, LOOPBACK, resolve));
    await base.#serve(new Secret(Buffer.from(server.keyPem)));
    return base;
  }

  async #serve(serverKey: Secret): Promise<void> {
    const ports = { clock: nodeClock, log: () => {}, report: () => {} };
    const keys = createKeyService(this.provider, new Secret(randomBytes(32)), ports);
    const links = createLinkHub(this.provider, ports);
    await new Promise<void>((resolve, reject) => {
      const services = { keys, links, updates: this.updates, serverKey };
      const listening = () => resolve();
      this.#serving = runHttpsServer(this.provider, services, LOOPBACK, ports, listening, this.#stop.signal).catch(
        reject,
      );
    });
  }

  /** Passes octets on, up to a cut. */
  #pass(socket: Socket): void {
    const base = createConnection({ host: LOOPBACK, port: this.#port });
    let passedBytes = 0;
    const end = () => {
      socket.destroy();
      base.destroy();
    };
    for (const side of [socket, base]) side.on("error", end).on("close", end);
    socket.pipe(base);
    base.on("data", (chunk: Buffer) => {
      passedBytes += chunk.length;
      this.passedBytes += chunk.length;
      const { cut } = this;
      if (cut === undefined || passedBytes < cut.afterBytes) {
        if (!socket.write(chunk)) base.pause();
        return;
      }
      this.cut = undefined;
      base.pause();
      void (cut.meanwhile?.() ?? Promise.resolve()).finally(end);
    });
    socket.on("drain", () => base.resume());
  }

  /** `cepa …` as a person runs it. */
  async cepa(...args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const env = { ...process.env, CEPA_STATE: this.provider.paths.folder };
    return await run(process.execPath, [join(PROJECT, "scripts/cepa.ts"), ...args], { env }).then(
      ({ stdout, stderr }) => ({ status: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ status: Number(code), stdout: String(stdout), stderr: String(stderr) }),
    );
  }

  async destroy(): Promise<void> {
    this.#stop.abort(new DOMException("stopped", "AbortError"));
    this.#proxy.close();
    await this.#serving;
    this.provider.database.close();
  }

  /** A state partition of the sensor, whose base is this one, by way of the proxy or not. */
  async makeStateFolder(name: string, settings: object, byProxy = false): Promise<string> {
    const folder = join(this.folder, name);
    for (const part of ["identity", "link", "update", "run"]) await mkdir(join(folder, part), { recursive: true });
    const identity: SensorIdentity = {
      ...{ sensorId: this.sensor.id, name: NAME, vpnAddress: LOOPBACK, baseAddress: LOOPBACK },
      basePort: byProxy ? (this.#proxy.address() as AddressInfo).port : this.#port,
      ...{ emergencyKeyId: 1, emergencySmsNumber: "+441632960961", flashedAtMs: 1 },
    };
    const command = generateKeyPairSync("ed25519");
    const text = JSON.stringify(settings);
    const signature = sign(null, configSignatureInput(this.sensor.id, 1, text), command.privateKey).toString("base64");
    const files: Readonly<Record<string, string | Uint8Array>> = {
      [STATE_FILES.identity]: JSON.stringify(identity),
      [STATE_FILES.privateKey]: await readFile(join(this.folder, "sensor.key")),
      [STATE_FILES.certificate]: await readFile(join(this.folder, "sensor.crt")),
      [STATE_FILES.authority]: await readFile(join(this.folder, "ca.crt")),
      [STATE_FILES.commandPublicKey]: String(command.publicKey.export({ format: "pem", type: "spki" })),
      [STATE_FILES.config]: JSON.stringify({ number: 1, settings: text, signature }),
    };
    for (const [path, content] of Object.entries(files)) await writeFile(join(folder, path), content);
    return folder;
  }

  /** Runs the roles `update` and `link` of the sensor until the result is called. */
  startRoles(
    stateFolder: string,
    image: BoxImage,
    overrides: Partial<UpdatePorts> = {},
  ): { stop(): Promise<void>; readonly runFolder: string } {
    const stop = new AbortController();
    const folders = { stateFolder, runFolder: join(stateFolder, "run"), nsmFolder: join(stateFolder, "nsm") };
    const reach: Reach = {
      uplink: "lo",
      carrier: true,
      addresses: [LOOPBACK],
      unresolvedName: undefined,
      tunnelUp: true,
    };
    const running = runTogether(stop.signal, [
      (signal) => runLinkRole(folders, signal, { readReach: async () => reach, log: () => {} }),
      (signal) => runUpdateRole(folders, signal, { tunnelUp: () => true, log: () => {}, image, ...overrides }),
    ]);
    const ended = running.then(
      () => undefined,
      (error: unknown) => error,
    );
    return {
      runFolder: folders.runFolder,
      async stop() {
        stop.abort(new DOMException("stopped", "AbortError"));
        const error = await ended;
        if (error instanceof Error && error.name !== "AbortError") throw error;
      },
    };
  }

  /** What `cepa sensor show --json` says. */
  view(): SensorView {
    return viewOf(sensorByName(this.provider.database, NAME), undefined);
  }

  /** Events about updates, as base has stored them. */
  events(): SensorEvent[] {
    return this.provider.database
      .prepare("select event from events order by received_at_ms, spool_id")
      .all()
      .map((row) => JSON.parse(String(row.event)) as SensorEvent);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

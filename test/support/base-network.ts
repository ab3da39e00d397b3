import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { STATE_FILES } from "../../core/contract/identity.ts";
import { nodeExec } from "../../core/node/exec.ts";
import { ExecError } from "../../core/ports.ts";
import { Secret } from "../../core/secret.ts";
import type { Stage } from "../../provider/base/stage.ts";
import { type Enrolment, enrolSensor, readEnrollableSensor } from "../../provider/enrol.ts";

const PROJECT = dirname(dirname(import.meta.dirname));
const CEPA = join(PROJECT, "scripts/cepa.ts");
export const PASSPHRASE = "a passphrase for tests";
const STEP_TIMEOUT_MS = 120_000;

/** A child whose standard output is JSON lines, kept for waiting on. */
export interface LineProcess {
  readonly child: ChildProcess;
  readonly lines: readonly unknown[];
  /** Standard error from the mark on, as far as it is kept. */
  errors(mark?: number): string;
  /** Where standard error is now. */
  errorMark(): number;
  /** The first line from `from` on that fits; rejects when the child ends or `timeoutMs` pass. */
  waitFor<T>(fits: (line: never) => boolean, what: string, timeoutMs?: number, from?: number): Promise<T>;
  stop(): Promise<number | null>;
}

export function startLines(program: string, args: readonly string[], env: Record<string, string> = {}): LineProcess {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
  const lines: unknown[] = [];
  let errors = "";
  let droppedCharacters = 0;
  let ended = false;
  const waiters = new Set<() => void>();
  const wake = () => {
    for (const waiter of waiters) waiter();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    try {
      lines.push(JSON.parse(line));
    } catch {
      lines.push(line);
    }
    wake();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    const all = errors + chunk.toString();
    errors = all.slice(-100_000);
    droppedCharacters += all.length - errors.length;
  });
  const exited = new Promise<number | null>((resolve) =>
    child.once("close", (status) => {
      ended = true;
      wake();
      resolve(status);
    }),
  );
  return {
    child,
    lines,
    errors: (mark = 0) => errors.slice(Math.max(0, mark - droppedCharacters)),
    errorMark: () => droppedCharacters + errors.length,
    waitFor: <T>(fits: (line: never) => boolean, what: string, timeoutMs = STEP_TIMEOUT_MS, from = 0) =>
      new Promise<T>((resolve, reject) => {
        const fail = (why: string) => {
          settle();
          reject(new Error(`${what}: ${why}; seen ${JSON.stringify(lines.slice(-8))}; errors: ${errors.slice(-3000)}`));
        };
        const timer = setTimeout(() => fail("not in time"), timeoutMs);
        const look = () => {
          const found = lines.slice(from).find((line) => fits(line as never));
          if (found !== undefined) {
            settle();
            resolve(found as T);
          } else if (ended) fail("the process ended");
        };
        const settle = () => {
          clearTimeout(timer);
          waiters.delete(look);
        };
        waiters.add(look);
        look();
      }),
    async stop() {
      if (!ended) child.kill("SIGTERM");
      return await exited;
    },
  };
}

/** A box: its identity as `cepa flash` would write it, with the keys that it made. */
export interface TestBox {
  readonly name: string;
  readonly namespace: string;
  readonly folder: string;
  readonly sensorId: string;
  readonly vpnAddress: string;
  readonly emergencyKey: KeyObject;
  readonly enrolment: Enrolment;
}

/** Base in a network namespace of its own and boxes in others, each joined to it by a veth pair. */
export class BaseNetwork {
  readonly folder: string;
  readonly state: string;
  readonly namespaces: string[] = [];
  readonly #tag: string;
  readonly #processes: LineProcess[] = [];
  base: LineProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.state = join(folder, "state");
    this.#tag = `cepa${process.pid}x${Math.floor(Math.random() * 1e6)}`;
  }

  static async create(): Promise<BaseNetwork> {
    const network = new BaseNetwork(await mkdtemp(join(tmpdir(), "cepa-net-")));
    try {
      await writeFile(join(network.folder, "passphrase"), `${PASSPHRASE}\n`, { mode: 0o600 });
      await network.#addNamespace("base");
      await network.cepa(["init", "--remote", "192.0.2.1", "--sms-number", "+441632960961"]);
      return network;
    } catch (error) {
      await network.destroy();
      throw error;
    }
  }

  namespace(name: string): string {
    return `${this.#tag}-${name}`;
  }

  async #addNamespace(name: string): Promise<void> {
    const namespace = this.namespace(name);
    await run("ip", ["netns", "add", namespace]);
    this.namespaces.push(namespace);
    await this.#ip(namespace, ["link", "set", "lo", "up"]);
  }

  /** What `ip -n NAMESPACE` does, which can't do it in a chroot. */
  async #ip(namespace: string, args: readonly string[]): Promise<void> {
    await run("nsenter", [`--net=/run/netns/${namespace}`, "ip", ...args]);
  }

  /** Runs `cepa` outside of the namespaces; its standard output. */
  async cepa(args: readonly string[]): Promise<string> {
    return await run(process.execPath, [CEPA, ...args], this.#env());
  }

  /** `cepa` as a person runs it, whatever its exit status. */
  async cepaResult(args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    try {
      const env = this.#env();
      const result = await nodeExec(process.execPath, [CEPA, ...args], AbortSignal.timeout(STEP_TIMEOUT_MS), { env });
      return { status: 0, ...result };
    } catch (error) {
      if (!(error instanceof ExecError)) throw error;
      return { status: error.status ?? -1, stdout: error.stdout, stderr: error.stderr };
    }
  }

  #env(): Record<string, string> {
    return { CEPA_STATE: this.state, CEPA_PASSPHRASE_FILE: join(this.folder, "passphrase") };
  }

  /** Starts base and waits until it listens. */
  async startBase(): Promise<LineProcess> {
    const args = [process.execPath, CEPA, "base", "run", "--json", "--verbose"];
    this.base = this.start("nsenter", this.#inside("base", args), this.#env());
    await this.base.waitFor((line: Stage) => line.stage === "listening", "base listens");
    return this.base;
  }

  /** Arguments of nsenter: what `ip netns exec` does, which can't do it in a chroot, whose root is no mount point. */
  #inside(name: string, command: readonly string[]): string[] {
    const script = 'mount --make-rprivate /sys && mount -t sysfs sysfs /sys && exec "$@"';
    const mounts = ["unshare", "--mount", "--propagation", "unchanged", "bash", "-c", script, "inside"];
    return [`--net=/run/netns/${this.namespace(name)}`, ...mounts, ...command];
  }

  start(program: string, args: readonly string[], env: Record<string, string> = {}): LineProcess {
    const started = startLines(program, args, env);
    this.#processes.push(started);
    return started;
  }

  startIn(name: string, program: string, args: readonly string[]): LineProcess {
    return this.start("nsenter", this.#inside(name, [program, ...args]));
  }

  /** Output of a program in a namespace; throws an ExecError on a status other than 0. */
  async runIn(name: string, program: string, args: readonly string[], stdin?: string): Promise<string> {
    return await run("nsenter", this.#inside(name, [program, ...args]), {}, stdin);
  }

  /** Adds a sensor and its namespace, joined to base's; number 1, 2, … */
  async addBox(name: string, number: number): Promise<TestBox> {
    await this.#addNamespace(name);
    const [outer, inner] = [`v${number}base`, `v${number}box`];
    const base = this.namespace("base");
    const box = this.namespace(name);
    await run("ip", ["link", "add", outer, "netns", base, "type", "veth", "peer", "name", inner, "netns", box]);
    await this.#ip(base, ["address", "add", "192.0.2.1/32", "dev", outer]);
    await this.#ip(base, ["link", "set", outer, "up"]);
    await this.#ip(base, ["route", "add", `198.51.100.${number}/32`, "dev", outer]);
    await this.#ip(box, ["address", "add", `198.51.100.${number}/32`, "dev", inner]);
    await this.#ip(box, ["link", "set", inner, "up"]);
    await this.#ip(box, ["route", "add", "192.0.2.1/32", "dev", inner]);
    await this.cepa(["sensor", "add", name]);
    return await this.enrol(name);
  }

  /** What `cepa flash` does, into a new folder instead of a disk. */
  async enrol(name: string): Promise<TestBox> {
    const sensor = await readEnrollableSensor(this.state, name);
    const folder = await mkdtemp(join(this.folder, `${name}-`));
    await mkdir(join(folder, "identity"));
    const keyPath = join(folder, STATE_FILES.privateKey);
    await run("openssl", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", keyPath]);
    const csrPem = await run("openssl", ["req", "-new", "-key", keyPath, "-subj", `/CN=${sensor.sensorId}`]);
    const emergency = generateKeyPairSync("ed25519");
    const enrolment = await enrolSensor(
      this.state,
      new Secret(Buffer.from(PASSPHRASE)),
      {
        name,
        csrPem,
        emergencyPublicKeyPem: String(emergency.publicKey.export({ format: "pem", type: "spki" })),
        flashedAtMs: Date.now(),
        settings: "{}",
      },
      AbortSignal.timeout(STEP_TIMEOUT_MS),
    );
    for (const [path, text] of Object.entries(enrolment.files))
      await writeFile(join(folder, path), text.replaceAll("/state/", `${folder}/`), { mode: 0o600 });
    return {
      name,
      namespace: this.namespace(name),
      folder,
      sensorId: sensor.sensorId,
      vpnAddress: sensor.vpnAddress,
      emergencyKey: emergency.privateKey,
      enrolment,
    };
  }

  /** Starts a box's own OpenVPN; `extra` are options after those of its file. */
  startVpn(box: TestBox, extra: readonly string[] = []): LineProcess {
    const config = join(box.folder, STATE_FILES.openvpn);
    return this.startIn(box.name, "openvpn", ["--suppress-timestamps", "--config", config, ...extra]);
  }

  /** Waits until the client itself says that it is up. */
  async vpnUp(vpn: LineProcess, timeoutMs = STEP_TIMEOUT_MS): Promise<void> {
    await vpn.waitFor(
      (line: string) => String(line).includes("Initialization Sequence Completed"),
      "tunnel",
      timeoutMs,
    );
  }

  async auditEntries(): Promise<readonly Record<string, unknown>[]> {
    const text = await readFile(join(this.state, "audit.log"), "utf8");
    return text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Ends what was started, but base: what a failed test left would disturb the next. */
  async stopStarted(): Promise<void> {
    for (const started of this.#processes) if (started !== this.base) await started.stop();
  }

  /** Ends what was started, in reverse, and takes the namespaces away. */
  async destroy(): Promise<void> {
    for (const started of this.#processes.reverse()) await started.stop();
    for (const namespace of this.namespaces) await run("ip", ["netns", "delete", namespace]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
  stdin?: string,
): Promise<string> {
  const options = { env, ...(stdin !== undefined && { stdin }) };
  const { stdout } = await nodeExec(program, args, AbortSignal.timeout(STEP_TIMEOUT_MS), options);
  return stdout;
}

/** Asks again until `condition` gives something; for what has no event to wait for. */
export async function until<T>(condition: () => Promise<T | undefined>, what: string, timeoutMs = 60_000): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  while (performance.now() < endMs) {
    const value = await condition();
    if (value !== undefined) return value;
    await delay(100);
  }
  throw new Error(`${what}: not in time`);
}

import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { STATE_FILES } from "../../core/contract/identity.ts";
import { type CaptureStatus, type RoleAnswer, type RoleRequest, roleSocketPath } from "../../core/contract/role.ts";
import { configSignatureInput } from "../../core/contract/sensor-config.ts";
import { openRole } from "../../core/node/role-socket.ts";
import { writeSensorState } from "./sensor-state.ts";

const SENSOR = join(import.meta.dirname, "../../dist/cepa-sensor");
const LOOK_MS = 50;

/** `cepa-sensor run capture` with folders of its own, as a box would run it. */
export class CaptureRole {
  readonly nsmFolder: string;
  readonly #runFolder: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  readonly #signal: AbortSignal;

  private constructor(folders: Folders, child: ChildProcess, signal: AbortSignal) {
    this.nsmFolder = folders.nsm;
    this.#runFolder = folders.run;
    this.#child = child;
    this.#ended = once(child, "exit");
    this.#signal = signal;
  }

  /** Without ports and without a store, as after boot. `settings` are those that base would send. */
  static async start(folder: string, settings: unknown, signal: AbortSignal): Promise<CaptureRole> {
    const folders = { state: join(folder, "state"), run: join(folder, "run"), nsm: join(folder, "nsm") };
    await mkdir(join(folders.state, "capture"), { recursive: true });
    await mkdir(folders.run, { recursive: true });
    const nobody = { privateKey: "", certificate: "", authority: "" };
    const { sensorId } = await writeSensorState(folders.state, nobody, {});
    await writeConfig(folders.state, sensorId, settings);
    const args = ["run", "capture", "--state", folders.state, "--run", folders.run, "--nsm", folders.nsm];
    return new CaptureRole(folders, spawn(SENSOR, args, { stdio: ["ignore", "inherit", "inherit"] }), signal);
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  async givePorts(span: readonly string[]): Promise<void> {
    await writeFile(join(this.#runFolder, "ports.json"), JSON.stringify({ uplink: null, span }));
  }

  async giveStore(): Promise<void> {
    await mkdir(this.nsmFolder);
  }

  async ask(request: RoleRequest): Promise<{ answer: RoleAnswer; body: Buffer }> {
    const { answer, body } = await openRole(roleSocketPath("capture", this.#runFolder), request, this.#signal);
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk as Buffer);
    return { answer, body: Buffer.concat(chunks) };
  }

  async statusWhen(isReached: (status: CaptureStatus) => boolean): Promise<CaptureStatus> {
    for (;;) {
      const answer = await this.ask({ type: "status" }).catch(() => undefined);
      const status = answer?.answer.type === "status" ? answer.answer.status : undefined;
      if (status?.role === "capture" && isReached(status)) return status;
      this.#signal.throwIfAborted();
      await delay(LOOK_MS);
    }
  }

  /** Resolves to the exit status. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    const [status] = await this.#ended;
    return status as number | null;
  }
}

interface Folders {
  readonly state: string;
  readonly run: string;
  readonly nsm: string;
}

async function writeConfig(stateFolder: string, sensorId: string, settings: unknown): Promise<void> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const text = JSON.stringify(settings);
  const signature = sign(null, configSignatureInput(sensorId, 1, text), privateKey).toString("base64");
  await writeFile(join(stateFolder, STATE_FILES.config), JSON.stringify({ number: 1, settings: text, signature }));
  const pem = publicKey.export({ type: "spki", format: "pem" });
  await writeFile(join(stateFolder, STATE_FILES.commandPublicKey), pem);
}

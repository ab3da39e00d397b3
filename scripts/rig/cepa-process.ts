import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, copyFile, cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeExec } from "../../core/node/exec.ts";
import { readLines } from "../../core/node/json-lines.ts";
import type { Stage } from "../../provider/base/stage.ts";
import { commandIn } from "./net-namespace.ts";

const LINE_LIMIT_BYTES = 1024 * 1024;
const STOP_TIMEOUT_MS = 30_000;
/** Lines of base's standard error that a failure quotes. */
const ERROR_LINES = 20;

/** A provider in a folder of its own, worked with as its operators do: by the `cepa` command. */
export interface Provider {
  readonly stateFolder: string;
  readonly passphraseFile: string;
  /** Environment that makes `cepa` find this provider. */
  readonly env: Readonly<Record<string, string>>;
  /** Standard output of `cepa ARGS…`; rejects with an ExecError when it fails. */
  cepa(args: readonly string[], signal: AbortSignal): Promise<string>;
}

/** Makes a provider whose sensors reach it as `remote`. `program` is the built `cepa`. */
export async function makeProvider(
  program: string,
  folder: string,
  remote: string,
  signal: AbortSignal,
): Promise<Provider> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const provider = providerIn(program, folder);
  const { passphraseFile } = provider;
  await writeFile(passphraseFile, `${randomBytes(24).toString("base64url")}\n`, { mode: 0o600 });
  await chmod(passphraseFile, 0o600);
  await provider.cepa(["init", "--remote", remote], signal);
  return provider;
}

/** A provider's copy, for a base of its own; the provider's base does not run. */
export async function copyProvider(program: string, provider: Provider, folder: string): Promise<Provider> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const copy = providerIn(program, folder);
  await cp(provider.stateFolder, copy.stateFolder, { recursive: true });
  await copyFile(provider.passphraseFile, copy.passphraseFile);
  return copy;
}

function providerIn(program: string, folder: string): Provider {
  const stateFolder = join(folder, "base");
  const passphraseFile = join(folder, "passphrase");
  const env = { CEPA_STATE: stateFolder, CEPA_PASSPHRASE_FILE: passphraseFile };
  return {
    stateFolder,
    passphraseFile,
    env,
    cepa: async (args, signal) => (await nodeExec(program, args, signal, { env })).stdout,
  };
}

/** A running `cepa base run`. */
export interface BaseProcess {
  readonly stages: readonly Stage[];
  /** The first stage, of those after number `from`, that `matches`; rejects after `timeoutMs` or when base ends. */
  waitForStage(
    matches: (stage: Stage) => boolean,
    what: string,
    timeoutMs: number,
    signal: AbortSignal,
    from?: number,
  ): Promise<Stage>;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
  readonly ended: Promise<number | undefined>;
}

export function startBase(
  program: string,
  provider: Provider,
  signal: AbortSignal,
  onStage: (stage: Stage) => void = () => {},
  networkNamespace?: string,
): BaseProcess {
  const child = spawn(...commandIn(networkNamespace, program, ["base", "run", "--json"]), {
    env: { ...process.env, ...provider.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // Ctrl-C goes to us, and we end it in its turn
  });
  const stages: Stage[] = [];
  const errors: string[] = [];
  const waiting = new Set<() => void>();
  let running = true;
  const wake = () => {
    for (const check of waiting) check();
  };
  (async () => {
    for await (const line of readLines(child.stdout, LINE_LIMIT_BYTES)) {
      const stage = JSON.parse(line) as Stage;
      stages.push(stage);
      onStage(stage);
      wake();
    }
  })().catch((error: unknown) => errors.push(String(error)));
  (async () => {
    for await (const line of readLines(child.stderr, LINE_LIMIT_BYTES))
      errors.splice(0, errors.push(line) - ERROR_LINES);
  })().catch(() => {});
  const terminate = () => child.kill("SIGTERM");
  signal.addEventListener("abort", terminate, { once: true });
  const ended = new Promise<number | undefined>((resolve) => {
    child.once("error", (error) => {
      errors.push(String(error));
      resolve(undefined);
    });
    child.once("close", (status) => resolve(status ?? undefined));
  }).finally(() => {
    running = false;
    signal.removeEventListener("abort", terminate);
    wake();
  });
  return {
    stages,
    ended,
    waitForStage: (matches, what, timeoutMs, waitSignal, from = 0) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => finish(new Error(`not within ${timeoutMs} ms: ${what}`)), timeoutMs);
        const abort = () => finish(waitSignal.reason);
        const check = () => {
          const stage = stages.slice(from).find(matches);
          if (stage !== undefined) finish(stage);
          else if (!running) finish(new Error(`base ended before this: ${what}\n${errors.join("\n")}`));
        };
        const finish = (outcome: Stage | Error) => {
          clearTimeout(timer);
          waitSignal.removeEventListener("abort", abort);
          waiting.delete(check);
          if ("stage" in outcome) resolve(outcome);
          else reject(outcome);
        };
        waiting.add(check);
        waitSignal.addEventListener("abort", abort, { once: true });
        check();
      }),
    stop: async () => {
      terminate();
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

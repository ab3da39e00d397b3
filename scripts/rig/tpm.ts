import { spawn } from "node:child_process";
import { access, mkdir, readFile } from "node:fs/promises";
import { nodeExec } from "../../core/node/exec.ts";

/** A TPM 2.0 (swtpm), new and empty, for one machine in QEMU. */
export interface EmulatedTpm {
  /** For QEMU: `more` of SensorVmOptions. */
  readonly qemuArguments: readonly string[];
  /**
   * What the TPM holds in memory, its registers (PCR) as they are among it. Only when the machine has been killed: until then the TPM
   * listens to it alone, and one that is shut down resets its TPM.
   */
  readRegisters(): Promise<Buffer>;
  readonly ended: Promise<void>;
}

const POLL_MS = 50;
const START_TIMEOUT_MS = 20_000;
const READ_TIMEOUT_MS = 10_000;

/** `folder` is made when it is not there, and short: a socket's path has 107 octets. Stops when `signal` aborts. */
export async function startTpm(folder: string, signal: AbortSignal): Promise<EmulatedTpm> {
  await mkdir(`${folder}/state`, { recursive: true });
  const control = `${folder}/control.sock`;
  const child = spawn(
    "swtpm",
    [
      ...["socket", "--tpm2", "--tpmstate", `dir=${folder}/state`],
      ...["--ctrl", `type=unixio,path=${control}`],
      ...["--log", `file=${folder}/swtpm.log`],
    ],
    { stdio: "ignore" },
  );
  const stop = () => child.kill("SIGKILL");
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => resolve());
  }).finally(() => {
    signal.removeEventListener("abort", stop);
    process.off("exit", stop);
  });
  ended.catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  process.once("exit", stop);
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (!(await exists(control))) {
    signal.throwIfAborted();
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      stop();
      await ended; // says so when there is no such program
      throw new Error(`swtpm does not start: ${folder}/swtpm.log says why`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const device = ["-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm"];
  return {
    qemuArguments: ["-chardev", `socket,id=tpm,path=${control.replaceAll(",", ",,")}`, ...device],
    readRegisters: async () => {
      const file = `${folder}/volatile`;
      const save = ["--unix", control, "--save", "volatile", file];
      await nodeExec("swtpm_ioctl", save, AbortSignal.timeout(READ_TIMEOUT_MS));
      return readFile(file);
    },
    ended,
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

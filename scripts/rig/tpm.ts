import { spawn } from "node:child_process";
import { access, mkdir } from "node:fs/promises";
import { connect } from "node:net";

/** A TPM 2.0 (swtpm), new and empty, for one machine in QEMU. */
export interface EmulatedTpm {
  /** For QEMU: `more` of SensorVmOptions. */
  readonly qemuArguments: readonly string[];
  /**
   * Value of a register of the SHA-256 bank, 64 hexadecimal digits. Only when the machine has been killed: until then the TPM listens to
   * it alone, and one that is shut down resets its TPM.
   */
  readPcr(index: number): Promise<string>;
  readonly ended: Promise<void>;
}

const POLL_MS = 50;
const START_TIMEOUT_MS = 20_000;
const READ_TIMEOUT_MS = 10_000;

/** `folder` is made when it is not there, and short: a socket's path has 107 octets. Stops when `signal` aborts. */
export async function startTpm(folder: string, signal: AbortSignal): Promise<EmulatedTpm> {
  await mkdir(`${folder}/state`, { recursive: true });
  const [control, data] = [`${folder}/control.sock`, `${folder}/data.sock`];
  const child = spawn(
    "swtpm",
    [
      ...["socket", "--tpm2", "--tpmstate", `dir=${folder}/state`],
      ...["--ctrl", `type=unixio,path=${control}`, "--server", `type=unixio,path=${data}`],
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
  while (!(await exists(control)) || !(await exists(data))) {
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
    readPcr: async (index) => decodePcrRead(await ask(data, encodePcrRead(index))),
    ended,
  };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** TPM 2.0 Library, part 3, 22.4 (TPM2_PCR_Read): one register of the SHA-256 bank. */
function encodePcrRead(index: number): Uint8Array {
  const command = new DataView(new ArrayBuffer(20));
  command.setUint16(0, 0x8001); // TPM_ST_NO_SESSIONS
  command.setUint32(2, command.byteLength);
  command.setUint32(6, 0x17e); // TPM_CC_PCR_Read
  command.setUint32(10, 1);
  command.setUint16(14, 0x000b); // TPM_ALG_SHA256
  command.setUint8(16, 3);
  command.setUint8(17 + Math.floor(index / 8), 1 << (index % 8));
  return new Uint8Array(command.buffer);
}

const PCR_READ_BYTES = 62;

function decodePcrRead(answer: Buffer): string {
  if (answer.length !== PCR_READ_BYTES || answer.readUInt32BE(6) !== 0)
    throw new Error(`the TPM does not say what the register is: ${answer.toString("hex")}`);
  return answer.subarray(PCR_READ_BYTES - 32).toString("hex");
}

async function ask(path: string, command: Uint8Array): Promise<Buffer> {
  return new Promise<Buffer>((resolve, reject) => {
    const socket = connect(path, () => socket.write(command));
    socket.setTimeout(READ_TIMEOUT_MS, () => socket.destroy(new Error("the TPM does not answer")));
    socket.once("data", (answer) => {
      socket.destroy();
      resolve(Buffer.from(answer));
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the TPM closed the connection")));
  });
}

import { type Exec, ExecError } from "../../core/ports.ts";
import type { Secret } from "../../core/secret.ts";

/** cryptsetup(8), RETURN CODES: 2 is "no permission (bad passphrase)", 5 "device already exists or device is busy". */
const STATUS_BAD_KEY = 2;
const COMMAND_TIMEOUT_MS = 10 * 60_000;

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: "wrongKey" | "toolFailed";
  constructor(code: StoreError["code"], what: string, options?: ErrorOptions) {
    super(what, options);
    this.code = code;
  }
}

/** The store's programs. The key goes by standard input alone; every call throws a StoreError. */
export interface LuksTool {
  format(device: string, key: Secret, signal: AbortSignal): Promise<void>;
  /** As /dev/mapper/`name`. */
  open(device: string, name: string, key: Secret, signal: AbortSignal): Promise<void>;
  close(name: string, signal: AbortSignal): Promise<void>;
  makeFileSystem(device: string, signal: AbortSignal): Promise<void>;
}

/** What makes a store unreadable; each call throws a StoreError. */
export interface StoreEraser {
  /** Destroys every key slot, whatever uses the store. */
  erase(device: string, signal: AbortSignal): Promise<void>;
  /** Tells the disk that it may forget what is there. */
  discard(device: string, signal: AbortSignal): Promise<void>;
}

/** A random key of 64 octets needs no slow derivation: pbkdf2 with the least rounds that LUKS2 takes. */
const FORMAT_ARGS = [
  ...["luksFormat", "--batch-mode", "--type", "luks2", "--cipher", "aes-xts-plain64", "--key-size", "512"],
  ...["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"],
];
const KEY_ARGS = ["--key-file", "-", "--keyfile-size", "64"];

export function luksTool(exec: Exec): LuksTool & StoreEraser {
  const run = async (program: string, args: readonly string[], signal: AbortSignal, key?: Secret): Promise<void> => {
    const stdin = key === undefined ? {} : { stdin: key.reveal() };
    try {
      await exec(program, args, signal, { timeoutMs: COMMAND_TIMEOUT_MS, ...stdin });
    } catch (cause) {
      signal.throwIfAborted();
      const badKey = key !== undefined && cause instanceof ExecError && cause.status === STATUS_BAD_KEY;
      throw new StoreError(badKey ? "wrongKey" : "toolFailed", (cause as Error).message, { cause });
    }
  };
  return {
    format: (device, key, signal) => run("cryptsetup", [...FORMAT_ARGS, ...KEY_ARGS, device], signal, key),
    open: (device, name, key, signal) =>
      run("cryptsetup", ["open", "--type", "luks2", ...KEY_ARGS, device, name], signal, key),
    close: (name, signal) => run("cryptsetup", ["close", name], signal),
    erase: (device, signal) => run("cryptsetup", ["erase", "--batch-mode", device], signal),
    discard: (device, signal) => run("blkdiscard", ["--force", device], signal),
    makeFileSystem: (device, signal) => run("mkfs.ext4", ["-q", "-F", "-L", "nsm", "-m", "0", device], signal),
  };
}

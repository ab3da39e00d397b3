/** The world as seen by our code: small interfaces, passed as parameters. `core/node/` implements them. */

export interface Clock {
  /** Wall clock, Unix milliseconds. */
  nowMs(): number;
  /** Monotonic, milliseconds from an arbitrary start. */
  monotonicMs(): number;
  /** Rejects with an AbortError when `signal` aborts first. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}

export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** Given to the child's standard input, then closed. */
  readonly stdin?: Uint8Array | string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/**
 * Runs a program with an argument array, never through a shell. Rejects with an ExecError on a non-zero status, a signal
 * or a time-out. No secret may be in `args` or `env`: they go by stdin.
 */
export type Exec = (
  program: string,
  args: readonly string[],
  signal: AbortSignal,
  options?: ExecOptions,
) => Promise<ExecResult>;

export class ExecError extends Error {
  override readonly name = "ExecError";
  readonly program: string;
  /** undefined when a signal or a time-out ended the program, or it could not be started. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  constructor(program: string, status: number | undefined, stdout: string, stderr: string, options?: ErrorOptions) {
    const detail = stderr.trim().split("\n").slice(-3).join(" | ");
    super(`${program}: ${status === undefined ? "ended by a signal" : `exit status ${status}`}: ${detail}`, options);
    this.program = program;
    this.status = status;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

/** One serial line, opened raw, 8N1. */
export interface SerialPort {
  write(data: Uint8Array | string, signal: AbortSignal): Promise<void>;
  /** Octets as they arrive, in chunks of any size; ends when the line hangs up, throws when it fails. */
  readonly chunks: AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export type OpenSerial = (path: string, baudRate: number) => Promise<SerialPort>;

export type RandomBytes = (length: number) => Uint8Array;

export type LogLevel = "debug" | "info" | "warning" | "error";

/** One line for each call; `fields` are printed as JSON. Never given a secret. */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

import { createConnection, type Socket } from "node:net";
import { readLines } from "../../core/node/json-lines.ts";

const LINE_LIMIT_BYTES = 4 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 20_000;
const RETRY_MS = 50;

/** A connection to QEMU's machine protocol. Source: QEMU documentation, "QEMU Machine Protocol Specification". */
export class Qmp {
  readonly #socket: Socket;
  readonly #waiting: { resolve(value: unknown): void; reject(error: Error): void }[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Waits until QEMU listens on `path`. */
  static async connect(path: string, signal: AbortSignal): Promise<Qmp> {
    const deadlineMs = performance.now() + CONNECT_TIMEOUT_MS;
    for (;;) {
      signal.throwIfAborted();
      try {
        const socket = await openSocket(path);
        const qmp = new Qmp(socket);
        void qmp.#read();
        await qmp.command("qmp_capabilities");
        return qmp;
      } catch (error) {
        if (performance.now() > deadlineMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** Rejects with QEMU's words when the command fails, or when QEMU ends. */
  command(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error("QEMU has ended"));
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: name, arguments: args })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  async #read(): Promise<void> {
    try {
      for await (const line of readLines(this.#socket, LINE_LIMIT_BYTES)) {
        const message = JSON.parse(line) as { return?: unknown; error?: { desc?: string } };
        if (message.error !== undefined) this.#waiting.shift()?.reject(new Error(`QEMU: ${message.error.desc}`));
        else if ("return" in message) this.#waiting.shift()?.resolve(message.return);
      }
    } catch {
      // the socket went with QEMU
    }
    this.#socket.destroy();
    for (const one of this.#waiting.splice(0)) one.reject(new Error("QEMU has ended"));
  }
}

export function openSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => socket.destroy());
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

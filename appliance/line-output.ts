import { writeSync } from "node:fs";

const FLUSH_CHARACTERS = 64 * 1024;
const RETRY_MS = 2;

/** The reader of our output has gone; there is nothing to say to anybody. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}

/** Lines to a file descriptor, in large pieces and in order, waiting while a pipe is full. */
export class LineOutput {
  readonly #fd: number;
  #lines: string[] = [];
  #characters = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length;
    if (this.#characters >= FLUSH_CHARACTERS) this.flush();
  }

  /** Throws an OutputClosedError when nobody reads any more. */
  flush(): void {
    if (this.#lines.length === 0) return;
    const bytes = Buffer.from(`${this.#lines.join("\n")}\n`, "utf8");
    this.#lines = [];
    this.#characters = 0;
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EPIPE") throw new OutputClosedError("nobody reads the output", { cause: error });
        if (code !== "EAGAIN") throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      }
    }
  }
}

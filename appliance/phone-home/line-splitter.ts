/** Lines of a serial line, ended by CR or LF or both, as ISO 8859-1. One over `limitBytes` is dropped and counted. */
export class LineSplitter {
  readonly #limitBytes: number;
  readonly #startOctet: number | undefined;
  #partial = "";
  #overlong = false;
  dropped = 0;

  /** `start`, when given, begins a line wherever it stands: binary messages may be between the lines. */
  constructor(limitBytes: number, start?: string) {
    this.#limitBytes = limitBytes;
    this.#startOctet = start?.charCodeAt(0);
  }

  /** What has come of a line that has not ended. */
  get partial(): string {
    return this.#partial;
  }

  /** Whole lines without their ends; empty ones are left out. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    for (const octet of chunk) {
      if (octet === this.#startOctet) {
        this.#partial = "";
        this.#overlong = false;
      }
      if (octet === 0x0a || octet === 0x0d) {
        if (this.#partial !== "") lines.push(this.#partial);
        this.#partial = "";
        this.#overlong = false;
      } else if (!this.#overlong && this.#partial.length >= this.#limitBytes) {
        this.#partial = "";
        this.#overlong = true;
        this.dropped++;
      } else if (!this.#overlong) this.#partial += String.fromCharCode(octet);
    }
    return lines;
  }

  clear(): void {
    this.#partial = "";
    this.#overlong = false;
  }
}

import type { Socket } from "node:net";

/** What comes from a socket, taken in pieces of a known length. */
export class SocketInput {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** The next octets; undefined when the other end went before it had sent so many. */
  async take(lengthBytes: number): Promise<Buffer | undefined> {
    while (this.#heldBytes < lengthBytes) {
      const next = await this.#chunks.next().catch(() => undefined);
      if (next === undefined || next.done === true) return undefined;
      this.#held.push(next.value);
      this.#heldBytes += next.value.length;
    }
    const all = this.#held.length === 1 ? (this.#held[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#held);
    this.#held = all.length > lengthBytes ? [all.subarray(lengthBytes)] : [];
    this.#heldBytes = all.length - lengthBytes;
    return all.subarray(0, lengthBytes);
  }
}

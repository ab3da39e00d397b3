/** Octets from one side, read by the other; `isFull` tells the writing side to wait. */
export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  readonly #limitBytes: number;
  readonly #onRoom: () => void;
  #queuedBytes = 0;
  #end: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  /** `onRoom` is called when a full queue has room again. */
  constructor(limitBytes: number, onRoom: () => void) {
    this.#limitBytes = limitBytes;
    this.#onRoom = onRoom;
  }

  get isFull(): boolean {
    return this.#queuedBytes > this.#limitBytes;
  }

  push(chunk: Uint8Array): void {
    if (this.#end !== undefined || chunk.length === 0) return; // nothing, however often, must not fill the queue
    this.#chunks.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#wake?.();
  }

  /** Nothing more comes; with `error`, reading throws it after what is queued. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *read(): AsyncGenerator<Uint8Array> {
    while (true) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        const wasFull = this.isFull;
        this.#queuedBytes -= chunk.length;
        if (wasFull && !this.isFull) this.#onRoom();
        yield chunk;
      } else if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return;
      } else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      this.#wake = undefined;
    }
  }
}

import type { Socket } from "node:net";
import { openSocket } from "./qmp.ts";

const LENGTH_BYTES = 4;
const FRAMES_OUT_MAX = 10_000;
const CONNECT_TIMEOUT_MS = 20_000;
const RETRY_MS = 50;

/**
 * The other end of a SPAN port's cable: QEMU's `-netdev stream`, each frame after its length (u32, big-endian). What the
 * guest sends is kept, so that a test can show that it sends nothing.
 */
export class SpanSocket {
  readonly #socket: Socket;
  /** Frames that left the port, the first 10,000 of them. */
  readonly framesOut: Uint8Array[] = [];
  #framesOutCount = 0;
  #framesInCount = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (rest.length >= LENGTH_BYTES) {
        const end = LENGTH_BYTES + rest.readUInt32BE(0);
        if (rest.length < end) break;
        this.#framesOutCount += 1;
        if (this.framesOut.length < FRAMES_OUT_MAX)
          this.framesOut.push(Uint8Array.from(rest.subarray(LENGTH_BYTES, end)));
        rest = rest.subarray(end);
      }
    });
  }

  static async connect(path: string, signal: AbortSignal): Promise<SpanSocket> {
    const deadlineMs = performance.now() + CONNECT_TIMEOUT_MS;
    for (;;) {
      signal.throwIfAborted();
      try {
        return new SpanSocket(await openSocket(path));
      } catch (error) {
        if (performance.now() > deadlineMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  get framesOutCount(): number {
    return this.#framesOutCount;
  }

  get framesInCount(): number {
    return this.#framesInCount;
  }

  /** Waits while the guest does not take it. QEMU pads frames to 60 octets, and loses those over 1518. */
  async send(frame: Uint8Array): Promise<void> {
    if (this.#socket.destroyed) throw new Error("the SPAN port's cable is out: QEMU has ended");
    const message = Buffer.allocUnsafe(LENGTH_BYTES + frame.length);
    message.writeUInt32BE(frame.length, 0);
    message.set(frame, LENGTH_BYTES);
    this.#framesInCount += 1;
    if (!this.#socket.write(message))
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#socket.off("drain", done);
          this.#socket.off("close", done);
          resolve();
        };
        this.#socket.once("drain", done);
        this.#socket.once("close", done);
      });
  }

  close(): void {
    this.#socket.destroy();
  }
}

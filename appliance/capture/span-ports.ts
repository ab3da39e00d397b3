import { readFileSync } from "node:fs";
import type { Log } from "../../core/ports.ts";
import type { FrameCursor } from "./frame-cursor.ts";
import { Ring, type RingOptions, waitForBlock } from "./ring.ts";

/** How often interfaces that are missing are looked for again. */
const LOOK_MS = 1_000;
/** Blocks taken from one ring before the next has its turn. */
const BLOCKS_IN_TURN = 16;
const WAIT_MS = 50;

interface Port {
  readonly name: string;
  ring: Ring | undefined;
  /** Kernel's number of the interface that the ring is bound to: another one has come under the same name. */
  index: number;
  /** Why there is no ring, as last logged. */
  trouble: string;
}

/**
 * The rings of all SPAN ports of one thread. An interface may come late, go and come back: its ring follows.
 */
export class SpanPorts {
  readonly #ports: Port[];
  readonly #options: RingOptions;
  readonly #log: Log;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #closedFrames = 0;
  #closedDrops = 0;

  constructor(names: readonly string[], options: RingOptions, log: Log) {
    this.#ports = names.map((name) => ({ name, ring: undefined, index: 0, trouble: "" }));
    this.#options = options;
    this.#log = log;
  }

  /** Hands over the blocks that are ready, or waits for some; blocks the thread for at most 50 ms. */
  takeBlocks(monotonicMs: number, take: (frames: FrameCursor, linkType: number) => void): void {
    if (monotonicMs - this.#lookedAtMs >= LOOK_MS) {
      this.#lookedAtMs = monotonicMs;
      for (const port of this.#ports) this.#look(port);
    }
    let taken = 0;
    for (const { ring } of this.#ports) {
      if (ring === undefined) continue;
      for (let turn = 0; turn < BLOCKS_IN_TURN; turn++) {
        const frames = ring.nextBlock();
        if (frames === undefined) break;
        take(frames, ring.linkType);
        ring.release();
        taken++;
      }
    }
    if (taken > 0) return;
    const rings: Ring[] = [];
    for (const { ring } of this.#ports) if (ring !== undefined) rings.push(ring);
    waitForBlock(rings, WAIT_MS);
  }

  /** Frames and drops by the kernel's count, closed rings included. */
  stats(): { readonly frames: number; readonly drops: number } {
    let frames = this.#closedFrames;
    let drops = this.#closedDrops;
    for (const { ring } of this.#ports) {
      const counted = ring?.stats();
      frames += counted?.frames ?? 0;
      drops += counted?.drops ?? 0;
    }
    return { frames, drops };
  }

  close(): void {
    for (const port of this.#ports) this.#close(port);
  }

  #look(port: Port): void {
    const index = interfaceIndex(port.name);
    if (port.ring !== undefined && index !== port.index) {
      this.#log("warning", "a SPAN port is gone", { port: port.name });
      this.#close(port);
    }
    if (port.ring !== undefined) return;
    try {
      port.ring = new Ring(port.name, this.#options);
      port.index = index;
      port.trouble = "";
      this.#log("info", "capturing", { port: port.name, ringSizeBytes: port.ring.sizeBytes });
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException;
      if (code === "ERR_BPF_SYNTAX") throw error;
      if (message !== port.trouble) this.#log("warning", "a SPAN port can't be captured", { port: port.name, message });
      port.trouble = message;
    }
  }

  #close(port: Port): void {
    if (port.ring === undefined) return;
    const { frames, drops } = port.ring.stats();
    this.#closedFrames += frames;
    this.#closedDrops += drops;
    port.ring.close();
    port.ring = undefined;
  }
}

function interfaceIndex(name: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, "utf8"));
  } catch {
    return 0; // no such interface now
  }
}

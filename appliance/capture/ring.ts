import { loadNativeAddon } from "../../core/node/native-addon.ts";
import { LINKTYPE_ETHERNET } from "./frame-cursor.ts";
import { BLOCK_STATUS_AT, RingBlockCursor, STATUS_KERNEL, STATUS_USER } from "./ring-block.ts";

type Handle = { readonly ring: unique symbol };

/** `appliance/native/ring.cc`. Errors have the `code` of the system's error number. */
interface RingAddon {
  open(
    name: string,
    blockSizeBytes: number,
    blocks: number,
    retireMs: number,
    promiscuous: boolean,
  ): [Handle, ArrayBuffer];
  start(handle: Handle, name: string): void;
  wait(handles: readonly Handle[], timeoutMs: number): number;
  stats(handle: Handle): [number, number];
  close(handle: Handle): void;
  compileFilter(expression: string, linkType: number, snaplenBytes: number): ArrayBuffer;
  attachFilter(handle: Handle, program: ArrayBuffer): void;
}

const BLOCK_SIZE_BYTES = 1024 * 1024;
/** A block is handed over this long after its first frame, however empty. */
const RETIRE_MS = 20;
/** Where the kernel has no memory for a ring, half of it is asked for, down to this. */
const RING_SIZE_LEAST_BYTES = 4 * BLOCK_SIZE_BYTES;

let addon: RingAddon | undefined;
function ringAddon(): RingAddon {
  addon ??= loadNativeAddon("ring.node") as RingAddon;
  return addon;
}

export interface RingOptions {
  readonly ringSizeBytes: number;
  readonly snaplenBytes: number;
  /**
   * BPF expression, applied by the kernel to the frame without its outermost VLAN tag (which it has taken off by then):
   * `not esp` leaves out tagged ESP as well. Empty: everything.
   */
  readonly filter: string;
}

export interface RingStats {
  /** Received, the lost ones included. */
  readonly frames: number;
  readonly drops: number;
}

/** What arrives at one Ethernet interface. Nothing is ever sent on it. */
export class Ring {
  readonly name: string;
  readonly linkType = LINKTYPE_ETHERNET;
  readonly handle: Handle;
  readonly sizeBytes: number;
  readonly #status: Int32Array;
  readonly #cursor: RingBlockCursor;
  readonly #blocks: number;
  #block = 0;
  #frames = 0;
  #drops = 0;

  /** Throws an error with a `code`: EPERM, ENODEV, EPROTONOSUPPORT (no Ethernet), ENOMEM, ERR_BPF_SYNTAX. */
  constructor(name: string, options: RingOptions) {
    const program = compileFilter(options.filter, LINKTYPE_ETHERNET, options.snaplenBytes);
    const [handle, memory] = openLargest(name, options.ringSizeBytes);
    this.name = name;
    this.handle = handle;
    this.sizeBytes = memory.byteLength;
    this.#status = new Int32Array(memory);
    this.#cursor = new RingBlockCursor(new Uint8Array(memory));
    this.#blocks = memory.byteLength / BLOCK_SIZE_BYTES;
    try {
      ringAddon().attachFilter(handle, program);
      ringAddon().start(handle, name);
    } catch (error) {
      ringAddon().close(handle);
      throw error;
    }
  }

  /** The frames of the next block that the kernel has handed over; undefined: none yet. Call `release` after them. */
  nextBlock(): RingBlockCursor | undefined {
    const at = this.#block * BLOCK_SIZE_BYTES;
    if ((Atomics.load(this.#status, (at + BLOCK_STATUS_AT) / 4) & STATUS_USER) === 0) return undefined;
    this.#cursor.enter(at, BLOCK_SIZE_BYTES);
    return this.#cursor;
  }

  /** Gives the block of `nextBlock` back. */
  release(): void {
    Atomics.store(this.#status, (this.#block * BLOCK_SIZE_BYTES + BLOCK_STATUS_AT) / 4, STATUS_KERNEL);
    this.#block = (this.#block + 1) % this.#blocks;
  }

  /** Since it was opened. */
  stats(): RingStats {
    const [frames, drops] = ringAddon().stats(this.handle);
    this.#frames += frames;
    this.#drops += drops;
    return { frames: this.#frames, drops: this.#drops };
  }

  close(): void {
    ringAddon().close(this.handle);
  }
}

function openLargest(name: string, ringSizeBytes: number): [Handle, ArrayBuffer] {
  for (let sizeBytes = ringSizeBytes; ; sizeBytes /= 2) {
    const blocks = Math.floor(sizeBytes / BLOCK_SIZE_BYTES);
    try {
      return ringAddon().open(name, BLOCK_SIZE_BYTES, blocks, RETIRE_MS, true);
    } catch (error) {
      const isShortOfMemory = (error as NodeJS.ErrnoException).code === "ENOMEM";
      if (!isShortOfMemory || sizeBytes / 2 < RING_SIZE_LEAST_BYTES) throw error;
    }
  }
}

/** Blocks this thread until one of the rings has a block, or for `timeoutMs`; without rings too. */
export function waitForBlock(rings: readonly Ring[], timeoutMs: number): void {
  ringAddon().wait(
    rings.map((ring) => ring.handle),
    timeoutMs,
  );
}

/** A BPF program as octets of `struct bpf_insn`. Throws an error with code ERR_BPF_SYNTAX and libpcap's reason. */
export function compileFilter(expression: string, linkType: number, snaplenBytes: number): ArrayBuffer {
  return ringAddon().compileFilter(expression, linkType, snaplenBytes);
}

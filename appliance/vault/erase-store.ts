import { open } from "node:fs/promises";
import type { Log } from "../../core/ports.ts";
import type { StoreEraser } from "./luks-tool.ts";

/** Where LUKS2 data begins by default: both headers, and all key slots, are before (cryptsetup(8), `--offset`). */
export const HEADER_AND_SLOTS_BYTES = 16 * 1024 * 1024;

export interface ErasePorts {
  readonly tool: StoreEraser;
  readonly log: Log;
  /** Ends what uses the store. Failing at that is no reason not to go on. */
  free(signal: AbortSignal): Promise<void>;
}

/**
 * Makes a store unreadable, in the order of what counts: the key slots, then all of the header, then the disk is told that it
 * need not keep the rest. A damaged header, or none, is overwritten all the same. Done again, it does no harm. Throws when the
 * header can't be overwritten.
 */
export async function eraseStore(device: string, ports: ErasePorts, signal: AbortSignal): Promise<void> {
  const quietly = (what: string) => (error: Error) => {
    signal.throwIfAborted();
    ports.log("warning", `${what}: ${error.message}`);
  };
  await ports.tool.erase(device, signal).catch(quietly("the key slots were not erased one by one"));
  await ports.free(signal).catch(quietly("the store is still in use"));
  const file = await open(device, "r+");
  try {
    const { size } = await file.stat(); // 0 of a block device
    const zeros = new Uint8Array(size > 0 ? Math.min(size, HEADER_AND_SLOTS_BYTES) : HEADER_AND_SLOTS_BYTES);
    for (let at = 0; at < zeros.length; ) at += (await file.write(zeros, at, zeros.length - at, at)).bytesWritten;
    await file.sync();
  } finally {
    await file.close();
  }
  await ports.tool.discard(device, signal).catch(quietly("the disk keeps what is encrypted"));
}

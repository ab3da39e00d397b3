import type { FrameCursor } from "./frame-cursor.ts";
import { PcapRecordBuffer } from "./pcap-file.ts";

/**
 * Captures by npm `pcap` what the ring can't: interfaces that are no Ethernet. It has to live in the main thread, as that
 * addon can't be loaded in another; batches of pcap records go to the threads. Slower by far than the ring.
 */
export interface Batch {
  readonly linkType: number;
  /** Whole records in the format of `pcap-file.ts`. */
  readonly records: Uint8Array;
}

export function isBatch(message: unknown): message is Batch {
  return typeof message === "object" && message !== null && "linkType" in message && "records" in message;
}

const BATCH_BYTES = 256 * 1024;
const BATCH_MS = 20;
const BUFFER_SIZE_BYTES = 16 * 1024 * 1024;

/** LINKTYPE_ values for the names that npm `pcap` gives; others it gives as "Unknown linktype N". */
const LINK_TYPES: Readonly<Record<string, number>> = {
  LINKTYPE_NULL: 0,
  LINKTYPE_ETHERNET: 1,
  LINKTYPE_RAW: 101,
  LINKTYPE_LINUX_SLL: 113,
  LINKTYPE_IEEE802_11_RADIO: 127,
};

export function linkTypeOfName(name: string): number {
  return LINK_TYPES[name] ?? Number(/^Unknown linktype (\d+)$/.exec(name)?.[1] ?? 147);
}

/** Captures until `signal` aborts, or rejects when libpcap can't. `filter` is for what `take` gets. */
export async function runLibpcapPort(
  name: string,
  filter: string,
  snaplenBytes: number,
  take: (batch: Batch) => void,
  signal: AbortSignal,
): Promise<void> {
  const { createSession } = await import("pcap"); // only where it is needed: the threads can't load it
  const session = createSession(name, {
    filter,
    buffer_size: BUFFER_SIZE_BYTES,
    snap_length: snaplenBytes,
    buffer_timeout: BATCH_MS,
    promiscuous: true,
  });
  const linkType = linkTypeOfName(session.link_type);
  const batch = new PcapRecordBuffer(BATCH_BYTES);
  const flush = () => {
    if (batch.lengthBytes > 0) take({ linkType, records: batch.bytes.slice(0, batch.lengthBytes) });
    batch.clear();
  };
  session.on("packet", ({ buf, header }) => {
    batch.append(frameOf(buf, header));
    if (batch.lengthBytes >= BATCH_BYTES / 2) flush();
  });
  const timer = setInterval(flush, BATCH_MS);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  clearInterval(timer);
  flush();
  session.close();
  signal.throwIfAborted();
}

/** `header` is the first 16 octets of a struct pcap_pkthdr: seconds, microseconds, captured, original. */
function frameOf(bytes: Uint8Array, header: Buffer): FrameCursor {
  return {
    bytes,
    offsetBytes: 0,
    capturedBytes: Math.min(header.readUInt32LE(8), bytes.length),
    originalBytes: header.readUInt32LE(12),
    timeSeconds: header.readUInt32LE(0),
    timeNanoseconds: header.readUInt32LE(4) * 1000,
    next: () => false,
  };
}

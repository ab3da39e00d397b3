import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Share } from "../session/engine-options.ts";
import type { LineBatch } from "../session/ordered-lines.ts";
import { type ReadOutcome, type ReadPlan, readShare } from "./read-share.ts";

export interface ReadWorkerStart {
  readonly plan: ReadPlan;
  readonly share: Share;
  readonly port: MessagePort;
  /** One int32: octets of lines that the starter has done with, modulo 2^32. */
  readonly credit: Int32Array;
}

export type ReadWorkerMessage =
  | { readonly name: "lines"; readonly batch: LineBatch }
  | { readonly name: "end"; readonly outcome: ReadOutcome };

/** Octets of lines that a worker may be ahead of the output; then it waits. */
export const AHEAD_MAX_BYTES = 1024 * 1024;

/** The thread `read-worker`: one share of the sessions of savefiles, its lines to the starter. */
export async function runReadWorker(data: unknown): Promise<void> {
  const { plan, share, port, credit } = data as ReadWorkerStart;
  let givenBytes = 0;
  const outcome = await readShare(plan, share, {
    take: (lines, frame, id) => {
      const batch = lines.copy(frame, id);
      lines.clear();
      const { frames, ids, ends, octets } = batch;
      const message: ReadWorkerMessage = { name: "lines", batch };
      port.postMessage(message, [frames.buffer, ids.buffer, ends.buffer, octets.buffer]);
      givenBytes = (givenBytes + octets.length) | 0;
      for (;;) {
        const doneBytes = Atomics.load(credit, 0);
        if (((givenBytes - doneBytes) | 0) <= AHEAD_MAX_BYTES) return;
        Atomics.wait(credit, 0, doneBytes);
      }
    },
    turn: () => Promise.resolve(),
  });
  const message: ReadWorkerMessage = { name: "end", outcome };
  port.postMessage(message);
}

/** What has arrived at a port and was not dispatched yet. */
export function takeMessages(port: MessagePort): ReadWorkerMessage[] {
  const messages: ReadWorkerMessage[] = [];
  for (;;) {
    const received = receiveMessageOnPort(port) as { readonly message: ReadWorkerMessage } | undefined;
    if (received === undefined) return messages;
    messages.push(received.message);
  }
}

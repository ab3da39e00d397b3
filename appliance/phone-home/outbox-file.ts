import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { type Outbox, openOutbox, renderOutbox } from "./outbox.ts";

/** The outbox on the state partition; a change is flushed before its promise resolves. */
export interface OutboxFile {
  current(): Outbox;
  change(next: (outbox: Outbox) => Outbox): Promise<void>;
}

/** Opens, and counts the boot if `bootId` is a new one. */
export async function openOutboxFile(path: string, bootId: string): Promise<OutboxFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  let outbox = openOutbox(await readFile(path, "utf8").catch(() => undefined), bootId);
  let writing: Promise<void> = Promise.resolve();
  const change = (next: (outbox: Outbox) => Outbox): Promise<void> => {
    outbox = next(outbox);
    writing = writing.catch(() => {}).then(() => writeFileAtomically(path, renderOutbox(outbox)));
    return writing;
  };
  await change((same) => same);
  return { current: () => outbox, change };
}

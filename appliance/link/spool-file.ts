import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { SensorEvent } from "../../core/contract/role.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { acknowledgeEvent, addEvent, emptySpool, parseSpool, renderSpool, type Spool } from "./spool.ts";

/** The spool on disk: each change is flushed before its promise resolves; changes are made one after the other. */
export interface SpoolFile {
  current(): Spool;
  add(event: SensorEvent): Promise<void>;
  acknowledge(id: number): Promise<void>;
}

export async function openSpoolFile(path: string, nowMs: number): Promise<SpoolFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const text = await readFile(path, "utf8").catch(() => undefined);
  let spool = text === undefined ? emptySpool(nowMs) : parseSpool(text, nowMs);
  let writing: Promise<void> = Promise.resolve();
  const change = (next: Spool): Promise<void> => {
    if (next === spool) return writing;
    spool = next;
    writing = writing.catch(() => {}).then(() => writeFileAtomically(path, renderSpool(spool)));
    return writing;
  };
  return {
    current: () => spool,
    add: (event) => change(addEvent(spool, event)),
    acknowledge: (id) => change(acknowledgeEvent(spool, id)),
  };
}

import { closeSync, fdatasyncSync, mkdirSync, openSync, readdirSync, statSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../core/ports.ts";
import { encodePcapHeader, PCAP_HEADER_BYTES } from "./pcap-file.ts";
import {
  parseFileName,
  planFileSizeBytes,
  planRetention,
  type Retention,
  renderFileName,
  type StoredFile,
} from "./retention.ts";

export interface PcapStoreOptions extends Retention {
  readonly folder: string;
  readonly fileSizeBytes: number;
}

/** A file with few frames is closed at this age, so that retention by age can take it. */
const FILE_OPEN_MS = 60 * 60 * 1000;

interface OpenFile {
  readonly descriptor: number;
  readonly name: string;
  readonly startMs: number;
  sizeBytes: number;
}

/**
 * The folder of rotating pcap files. Synchronous: it lives in the writer's thread, which does nothing else. What a power
 * cut left at the end of a file is left there; readers stop at it.
 */
export class PcapStore {
  readonly #options: PcapStoreOptions;
  readonly #clock: Pick<Clock, "nowMs">;
  /** By link type: a pcap file has one. */
  readonly #open = new Map<number, OpenFile>();
  #closed: StoredFile[];
  #closedBytes = 0;
  /** Octets that could not be written, as the disk was full with nothing of ours to delete. */
  unwrittenBytes = 0;
  filesDeleted = 0;

  constructor(options: PcapStoreOptions, clock: Pick<Clock, "nowMs">) {
    this.#options = { ...options, fileSizeBytes: planFileSizeBytes(options.fileSizeBytes, options.budgetBytes) };
    this.#clock = clock;
    mkdirSync(options.folder, { recursive: true, mode: 0o750 });
    this.#closed = listStoredFiles(options.folder);
    for (const file of this.#closed) this.#closedBytes += file.sizeBytes;
    this.retain();
  }

  /** Octets of all files. */
  sizeBytes(): number {
    let sum = this.#closedBytes;
    for (const file of this.#open.values()) sum += file.sizeBytes;
    return sum;
  }

  /** Appends whole records, the first of them at `firstFrameMs`. False: the disk is full, and they are lost. */
  append(linkType: number, records: Uint8Array, firstFrameMs: number): boolean {
    const file = this.#open.get(linkType) ?? this.#openFile(linkType, firstFrameMs);
    if (file === undefined || !this.#writeWhole(file, records)) {
      this.unwrittenBytes += records.length;
      return false;
    }
    const isOld = Math.abs(firstFrameMs - file.startMs) > FILE_OPEN_MS;
    if (file.sizeBytes >= this.#options.fileSizeBytes || isOld) this.#closeFile(linkType, file);
    return true;
  }

  /** Deletes what is over the budget or too old, room for the files being written included. */
  retain(): void {
    const incomingBytes = Math.max(1, this.#open.size) * this.#options.fileSizeBytes;
    this.#delete(planRetention(this.#closed, this.#options, this.#clock.nowMs(), incomingBytes));
  }

  close(): void {
    for (const [linkType, file] of this.#open) this.#closeFile(linkType, file);
  }

  #openFile(linkType: number, firstFrameMs: number): OpenFile | undefined {
    this.retain();
    for (let startMs = firstFrameMs; ; startMs++) {
      const name = renderFileName(startMs, linkType);
      try {
        const descriptor = openSync(join(this.#options.folder, name), "wx", 0o640);
        const file: OpenFile = { descriptor, name, startMs, sizeBytes: 0 };
        this.#open.set(linkType, file);
        if (this.#writeWhole(file, encodePcapHeader(linkType))) return file;
        this.#closeFile(linkType, file);
        return undefined;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "ENOSPC" && this.#deleteOldest()) continue;
        if (code === "ENOSPC") return undefined;
        if (code !== "EEXIST") throw error; // of an earlier start in the same millisecond: the next one
      }
    }
  }

  /** Makes room by deleting oldest files where the disk is full. What was written by half is taken back. */
  #writeWhole(file: OpenFile, bytes: Uint8Array): boolean {
    for (let doneBytes = 0; doneBytes < bytes.length; ) {
      try {
        doneBytes += writeSync(file.descriptor, bytes, doneBytes, bytes.length - doneBytes, file.sizeBytes + doneBytes);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        if (!this.#deleteOldest()) return false; // the next write starts at the same place
      }
    }
    file.sizeBytes += bytes.length;
    return true;
  }

  #closeFile(linkType: number, file: OpenFile): void {
    this.#open.delete(linkType);
    fdatasyncSync(file.descriptor);
    closeSync(file.descriptor);
    if (file.sizeBytes <= PCAP_HEADER_BYTES) unlinkSync(join(this.#options.folder, file.name));
    else {
      const endMs = Math.max(file.startMs, this.#clock.nowMs());
      this.#closed.push({ name: file.name, sizeBytes: file.sizeBytes, startMs: file.startMs, endMs });
      this.#closedBytes += file.sizeBytes;
    }
  }

  #deleteOldest(): boolean {
    const oldest = this.#closed[0];
    if (oldest === undefined) return false;
    this.#delete([oldest]);
    return true;
  }

  #delete(doomed: readonly StoredFile[]): void {
    for (const file of doomed) {
      try {
        unlinkSync(join(this.#options.folder, file.name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
      this.#closedBytes -= file.sizeBytes;
      this.filesDeleted++;
    }
    if (doomed.length > 0) this.#closed = this.#closed.filter((file) => !doomed.includes(file));
  }
}

/** Files of the store, oldest first. The time of the last change stands for that of the last frame. */
export function listStoredFiles(folder: string): StoredFile[] {
  const files: StoredFile[] = [];
  for (const name of readdirSync(folder)) {
    const startMs = parseFileName(name);
    if (startMs === undefined) continue;
    const about = statSync(join(folder, name), { throwIfNoEntry: false });
    if (about === undefined) continue; // deleted meanwhile
    files.push({ name, sizeBytes: about.size, startMs, endMs: Math.max(startMs, Math.ceil(about.mtimeMs)) });
  }
  return files.sort((a, b) => a.startMs - b.startMs || (a.name < b.name ? -1 : 1));
}

import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { nodeExec } from "../../core/node/exec.ts";
import { copySparse } from "../../scripts/rig/disk-image.ts";
import { type BlockLog, type LoggedRequest, readWhole, replayLog, writeWhole, writeZeroes } from "./block-log.ts";
import { type NbdDisk, startNbdServer } from "./nbd-server.ts";

/** A disk that a machine finds behind a socket (NBD), where all that it does to it is written down. */
export interface DiskRecording {
  readonly socketPath: string;
  /** The disk as it was. */
  readonly before: string;
  /** Grows as long as it is recorded. */
  readonly log: BlockLog;
  /**
   * Ends it once the machine is off, and proves it: what it was, with all of the requests, is octet by octet what the machine left. Rejects
   * otherwise, and when a request could not be done or written down.
   */
  end(): Promise<void>;
}

const REQUESTS_MAX = 1_000_000;
const LOG_BYTES_MAX = 16 * 1024 * 1024 * 1024;
const COMPARE_TIMEOUT_MS = 300_000;

/** `disk` is a raw file, which is written to; everything else comes into `folder`, a new one. Its path is short: a socket's has 107 octets. */
export async function recordDisk(disk: string, folder: string): Promise<DiskRecording> {
  await mkdir(folder, { mode: 0o700 });
  const [before, logPath, socketPath] = [join(folder, "before.raw"), join(folder, "log"), join(folder, "nbd")];
  await copySparse(disk, before);
  const [diskFile, logFile] = [await open(disk, "r+"), await open(logPath, "wx")];
  const entries: LoggedRequest[] = [];
  const recorded = new RecordedDisk(diskFile, (await diskFile.stat()).size, logFile, entries);
  const server = await startNbdServer(socketPath, recorded);
  const log = { path: logPath, entries };
  return {
    socketPath,
    before,
    log,
    end: async () => {
      await server.close().finally(async () => {
        await diskFile.close();
        await logFile.close();
      });
      const replayed = join(folder, "replayed.raw");
      await replayLog(log, before, replayed);
      await nodeExec("cmp", [disk, replayed], AbortSignal.timeout(COMPARE_TIMEOUT_MS)).catch((cause: unknown) => {
        throw new Error(`${entries.length} requests were recorded, and replayed they don't give the disk`, { cause });
      });
      await rm(replayed);
    },
  };
}

/** Nothing is flushed to the disk of this machine: its power is not what is cut. */
class RecordedDisk implements NbdDisk {
  readonly sizeBytes: number;
  readonly #disk: FileHandle;
  readonly #log: FileHandle;
  readonly #entries: LoggedRequest[];
  #logBytes = 0;

  constructor(disk: FileHandle, sizeBytes: number, log: FileHandle, entries: LoggedRequest[]) {
    this.#disk = disk;
    this.sizeBytes = sizeBytes;
    this.#log = log;
    this.#entries = entries;
  }

  get doneRequests(): number {
    return this.#entries.length;
  }

  read(offsetBytes: number, sizeBytes: number): Promise<Buffer> {
    return readWhole(this.#disk, offsetBytes, sizeBytes);
  }

  async perform(request: Parameters<NbdDisk["perform"]>[0]): Promise<void> {
    if (this.#entries.length === REQUESTS_MAX) throw new Error(`more than ${REQUESTS_MAX} requests are not recorded`);
    if (request.kind === "flush") {
      this.#entries.push(request);
      return;
    }
    const { offsetBytes, sizeBytes, isForced } = request;
    if (request.kind === "write") {
      const dataAt = this.#logBytes;
      if (dataAt + sizeBytes > LOG_BYTES_MAX) throw new Error(`more than ${LOG_BYTES_MAX} octets are not recorded`);
      await writeWhole(this.#log, request.octets, dataAt);
      await writeWhole(this.#disk, request.octets, offsetBytes);
      this.#logBytes += sizeBytes;
      this.#entries.push({ kind: "write", offsetBytes, sizeBytes, isForced, dataAt });
    } else {
      await writeZeroes(this.#disk, offsetBytes, sizeBytes);
      this.#entries.push({ kind: request.kind, offsetBytes, sizeBytes, isForced });
    }
  }
}

import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { UpdateRefusedError } from "../contract/update-refusal.ts";

/** A file of a set that is open; as fs.FileHandle.read. */
export interface SourceFile {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
}

/** Where the files of a set are, which may be in hostile hands. */
export interface SetSource {
  names(): Promise<readonly string[]>;
  /** Throws an UpdateRefusedError `missingFile` or `notAFile`, or what reading throws. */
  withFile<T>(name: string, body: (file: SourceFile, sizeBytes: number) => Promise<T>): Promise<T>;
}

/** Runs `body` with the folder at `path`: all files are opened by way of it, wherever its name leads to in the meantime. */
export async function withFolderSource<T>(path: string, body: (source: SetSource) => Promise<T>): Promise<T> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch((cause) => {
    throw new UpdateRefusedError("missingFile", `${path}: no folder that can be read (${cause.code})`, { cause });
  });
  const folder = `/proc/self/fd/${handle.fd}`;
  try {
    return await body({
      names: () => readdir(folder),
      withFile: (name, useFile) => withPlainFile(folder, name, useFile),
    });
  } finally {
    await handle.close();
  }
}

/** Opens a plain file of `folder`: no link is followed, and neither a FIFO nor a device waits. */
async function withPlainFile<T>(
  folder: string,
  name: string,
  body: (file: SourceFile, sizeBytes: number) => Promise<T>,
): Promise<T> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
  const file = await open(join(folder, name), flags).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") throw new UpdateRefusedError("missingFile", `there is no ${name}`, { cause });
    if (cause.code === "ELOOP" || cause.code === "ENXIO" || cause.code === "ENODEV") throw notAFile(name, cause);
    throw cause;
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) throw notAFile(name);
    return await body(file, status.size);
  } finally {
    await file.close();
  }
}

function notAFile(name: string, cause?: Error): UpdateRefusedError {
  return new UpdateRefusedError("notAFile", `${name} is a link, a folder or a device, not a file`, { cause });
}

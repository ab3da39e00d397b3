import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseJson, readInteger, readObject, readText } from "../../core/checked-json.ts";
import { COMMAND_BYTES } from "../../core/contract/command.ts";
import type { ResetCause } from "../../core/contract/role.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import { removeBelow } from "../../core/node/remove-below.ts";

/** Of the state partition. The first two are root's alone, the last two of the role that may ask. */
export const PENDING_FILE = "reset/pending.json";
export const COUNTER_FILE = "reset/counter.json";
/** A command as base signed it, 87 octets. */
export const ORDER_FILE = "link/order";
/** That it is there is the request. */
export const BUTTON_FILE = "phone-home/erase";

/** What is overwritten before it is removed; larger files hold no key. */
const OVERWRITE_MOST_BYTES = 1024 * 1024;

/**
 * What link left there, as much of it as a command has and one octet more: root reads it, and link may leave anything. Empty when it is no
 * file that can be read; undefined when there is nothing.
 */
export async function loadOrder(stateFolder: string): Promise<Uint8Array | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const file = await open(join(stateFolder, ORDER_FILE), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(COMMAND_BYTES + 1), 0, COMMAND_BYTES + 1, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : new Uint8Array();
  }
}

/** Whatever it is: what is still there would be looked at again and again. */
export async function removeOrder(stateFolder: string): Promise<void> {
  await removeBelow(join(stateFolder, dirname(ORDER_FILE)), basename(ORDER_FILE));
}

/** A reset that was begun: what a start after a power cut goes on with. */
export interface PendingReset {
  /** `settings`: as the image has them. `everything`: keys, store, identity, settings. */
  readonly what: "settings" | "everything";
  readonly cause: ResetCause;
  readonly stage: "begun" | "storeErased";
}

/** Undefined: nothing was begun, or what is there can't be read. */
export async function loadPending(stateFolder: string): Promise<PendingReset | undefined> {
  try {
    const json = parseJson(await readFile(join(stateFolder, PENDING_FILE), "utf8"), "pending");
    const object = readObject(json, "pending", ["what", "cause", "stage"]);
    const text = (key: string, pattern: RegExp) => readText(object, key, "pending", String(pattern), pattern);
    return {
      what: text("what", /^(?:settings|everything)$/) as PendingReset["what"],
      cause: text("cause", /^(?:order|button|hand)$/) as ResetCause,
      stage: text("stage", /^(?:begun|storeErased)$/) as PendingReset["stage"],
    };
  } catch {
    return undefined;
  }
}

export async function savePending(stateFolder: string, pending: PendingReset): Promise<void> {
  await mkdir(join(stateFolder, dirname(PENDING_FILE)), { recursive: true, mode: 0o755 });
  await writeFileAtomically(join(stateFolder, PENDING_FILE), JSON.stringify(pending), 0o644); // the screen says it
}

export async function removePending(stateFolder: string): Promise<void> {
  await removeFlushed(join(stateFolder, PENDING_FILE));
}

/** Of the last command that was taken; 0: none. */
export async function loadCounter(stateFolder: string): Promise<number> {
  try {
    const json = parseJson(await readFile(join(stateFolder, COUNTER_FILE), "utf8"), "counter");
    return readInteger(readObject(json, "counter", ["counter"]), "counter", "counter", 0, 0xffffffff);
  } catch {
    return 0;
  }
}

export async function saveCounter(stateFolder: string, counter: number): Promise<void> {
  await mkdir(join(stateFolder, dirname(COUNTER_FILE)), { recursive: true, mode: 0o700 });
  await writeFileAtomically(join(stateFolder, COUNTER_FILE), JSON.stringify({ counter }));
}

/** Not there is well. */
export async function removeFlushed(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  const folder = await open(dirname(path), "r").catch(() => undefined);
  await folder?.sync().finally(() => folder.close());
}

/** Settings of this sensor, and what each role keeps of them. With `network`, which port is what, and addresses. */
export async function removeSettings(stateFolder: string, lastGoodFile: string, network: boolean): Promise<void> {
  const folders = await readdir(stateFolder, { withFileTypes: true });
  const kept = folders.filter((entry) => entry.isDirectory()).map((entry) => join(entry.name, lastGoodFile));
  for (const name of [...kept, "config.json", ...(network ? ["network.json"] : [])])
    await removeFlushed(join(stateFolder, name));
}

/**
 * Overwrites each file in its place, flushes it, and removes it; keys first. What stays is the folder of the reset itself, and
 * `lost+found`. A file system that copies on writing, or the flash below it, may keep what was there.
 */
export async function shredState(stateFolder: string): Promise<void> {
  const names = (await readdir(stateFolder)).filter((name) => name !== "lost+found" && name !== dirname(PENDING_FILE));
  names.sort((a, b) => Number(b === "identity") - Number(a === "identity"));
  for (const name of names) {
    const files = await readdir(join(stateFolder, name), { withFileTypes: true, recursive: true }).catch(
      () => undefined,
    );
    if (files === undefined) await overwrite(join(stateFolder, name));
    else {
      const paths = files.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      paths.sort((a, b) => Number(b.endsWith(".key")) - Number(a.endsWith(".key")));
      for (const path of paths) await overwrite(path);
    }
    await removeBelow(stateFolder, name);
  }
  await removeFlushed(join(stateFolder, COUNTER_FILE));
}

async function overwrite(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    if (size > OVERWRITE_MOST_BYTES) return;
    await file.write(new Uint8Array(size), 0, size, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

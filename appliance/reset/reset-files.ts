import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseJson, readInteger, readObject, readText } from "../../core/checked-json.ts";
import { COMMAND_BYTES } from "../../core/contract/command.ts";
import type { ResetCause } from "../../core/contract/role.ts";
import { flush, writeFileAtomically } from "../../core/node/atomic-file.ts";
import { readBoundedFile } from "../../core/node/bounded-file.ts";
import { removeBelow, removeBelowAfter } from "../../core/node/remove-below.ts";

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
  try {
    return await readBoundedFile(join(stateFolder, ORDER_FILE), COMMAND_BYTES + 1);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : new Uint8Array();
  }
}

/** Whatever it is: what is still there would be looked at again and again. */
export async function removeRequest(stateFolder: string, file: typeof ORDER_FILE | typeof BUTTON_FILE): Promise<void> {
  await removeBelow(join(stateFolder, dirname(file)), basename(file));
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

/**
 * Settings of this sensor, and what each role keeps of them, whatever a role has made of that. With `network`, which port is what, and
 * addresses.
 */
export async function removeSettings(stateFolder: string, lastGoodFile: string, network: boolean): Promise<void> {
  const folders = (await readdir(stateFolder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  for (const name of ["config.json", ...(network ? ["network.json"] : [])])
    await removeFlushed(join(stateFolder, name));
  for (const { name } of folders) {
    await removeBelow(stateFolder, name, lastGoodFile);
    await flush(join(stateFolder, name));
  }
}

/**
 * Overwrites each file in its place, flushes it, and removes it; keys first. What stays is the folder of the reset itself, and
 * `lost+found`. A file system that copies on writing, or the flash below it, may keep what was there. Roles have left what they wanted:
 * names that are no text, folders deeper than a path is long.
 */
export async function shredState(stateFolder: string): Promise<void> {
  const keys = await readdir(join(stateFolder, "identity")).catch((): string[] => []);
  for (const name of keys) if (name.endsWith(".key")) await removeBelowAfter(overwrite, stateFolder, "identity", name);
  const names = (await readdir(stateFolder)).filter((name) => name !== "lost+found" && name !== dirname(PENDING_FILE));
  names.sort((a, b) => Number(b === "identity") - Number(a === "identity"));
  const errors: unknown[] = [];
  for (const name of names)
    await removeBelowAfter(overwrite, stateFolder, name).catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
  await removeFlushed(join(stateFolder, COUNTER_FILE));
}

/** No file, nothing to overwrite. */
const NO_FILE = ["EISDIR", "ELOOP", "ENXIO"];

async function overwrite(path: Uint8Array): Promise<void> {
  const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(Buffer.from(path), O_RDWR | O_NOFOLLOW | O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (NO_FILE.includes(error.code ?? "")) return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const status = await file.stat();
    if (!status.isFile() || status.size > OVERWRITE_MOST_BYTES) return;
    await file.write(new Uint8Array(status.size), 0, status.size, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

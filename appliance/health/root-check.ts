import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RootCheck } from "../../core/contract/health.ts";
import { type Clock, type Exec, ExecError } from "../../core/ports.ts";

/** In the folder of the roles' sockets. */
const FILE = "root-check.json";
/** Name of the device that the initrd opens. */
const DEVICE = "root";
const DETAIL_MAX = 200;

export interface RootDevices {
  readonly data: string;
  readonly tree: string;
  readonly rootHash: string;
}

export function rootCheckFile(runFolder: string): string {
  return join(runFolder, FILE);
}

/** What `veritysetup status` says of an open device; undefined when it lacks something. */
export function parseVerityStatus(text: string): RootDevices | undefined {
  const find = (name: string, pattern: string) => new RegExp(`^\\s*${name}:\\s+(${pattern})$`, "m").exec(text)?.[1];
  const data = find("data device", "/dev/\\S+");
  const tree = find("hash device", "/dev/\\S+");
  const rootHash = find("root hash", "[0-9a-f]{64}");
  if (data === undefined || tree === undefined || rootHash === undefined) return undefined;
  return { data, tree, rootHash };
}

/**
 * Reads every block of the root file system that runs, and its hash tree, from the disk, and compares: dm-verity looks at a block
 * only when it is read. Rejects only when `signal` aborts.
 */
export async function checkRoot(exec: Exec, clock: Clock, signal: AbortSignal): Promise<RootCheck> {
  try {
    const status = await exec("veritysetup", ["status", DEVICE], signal);
    const devices = parseVerityStatus(status.stdout);
    if (devices === undefined) return result("failed", "veritysetup does not say which devices these are");
    // what an earlier check read is not the disk
    for (const device of [devices.data, devices.tree]) await exec("blockdev", ["--flushbufs", device], signal);
    await exec("veritysetup", ["verify", devices.data, devices.tree, devices.rootHash], signal);
    return result("whole", "");
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ExecError)) throw error;
    const detail = error.stderr.trim() || error.message;
    return result(/^Verification .*failed/m.test(detail) ? "damaged" : "failed", detail);
  }
  function result(name: RootCheck["result"], detail: string): RootCheck {
    return { atMs: clock.nowMs(), result: name, detail: detail.replaceAll(/\s+/g, " ").slice(0, DETAIL_MAX) };
  }
}

/** The last check since the box was switched on; null when there was none, or what is there is none. */
export async function loadRootCheck(runFolder: string): Promise<RootCheck | null> {
  try {
    const text = await readFile(rootCheckFile(runFolder), "utf8");
    const { atMs, result, detail } = JSON.parse(text) as Partial<Record<keyof RootCheck, unknown>>;
    if (typeof atMs !== "number" || !isResult(result) || typeof detail !== "string") return null;
    return { atMs, result, detail };
  } catch {
    return null;
  }
}

function isResult(value: unknown): value is RootCheck["result"] {
  return value === "whole" || value === "damaged" || value === "failed";
}

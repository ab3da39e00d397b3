import { readBoolean, readObject, readText } from "../checked-json.ts";

/** `store.json` of the state partition, when the store has a disk of its own. Of the box, as `network.json` is, and not signed. */
export interface StoreConfig {
  /** Below /dev/disk/by-id or by-path; `second`: the one disk beside the system's that is fixed in the box. */
  readonly disk: string;
  /** At the first start, whatever is on the disk may be overwritten. */
  readonly take: boolean;
}

const DISK = /^(?:second|\/dev\/disk\/by-(?:id|path)\/(?!.*\.\.)[A-Za-z0-9_.:@+-]{1,200})$/;
export const DISK_WORDS = "second, or a path below /dev/disk/by-id/ or /dev/disk/by-path/";

/** Throws a ConfigError. */
export function readStoreConfig(json: unknown): StoreConfig {
  const object = readObject(json, "store", ["disk", "take"]);
  return { disk: readText(object, "disk", "store", DISK_WORDS, DISK), take: readBoolean(object, "take", "store") };
}

import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { STATE_FILES } from "../../core/contract/identity.ts";

/** What `cepa-sensor store-disk` leaves of a store with a disk of its own: a link to the partition, or why there is none. */
export const STORE_DISK_FOLDER = "/run/cepa-store";
export const STORE_DISK_LINK = `${STORE_DISK_FOLDER}/device`;
export const STORE_DISK_WHY = `${STORE_DISK_FOLDER}/why`;

/** Of a store with a disk of its own; undefined: it is on the system's. */
export async function findOwnStore(stateFolder: string): Promise<string | undefined> {
  const hasOwnDisk = await access(join(stateFolder, STATE_FILES.store)).then(
    () => true,
    () => false,
  );
  return hasOwnDisk ? STORE_DISK_LINK : undefined;
}

/** The store's partition: on the disk that it has of its own, else on the rest of the system's. */
export async function findStoreDevice(stateFolder: string): Promise<string> {
  return (await findOwnStore(stateFolder)) ?? "/dev/disk/by-partlabel/nsm";
}

/** Why the disk of the store is not used, for people; undefined where nothing is wrong with it. */
export async function loadStoreTrouble(): Promise<string | undefined> {
  return readFile(STORE_DISK_WHY, "utf8").catch(() => undefined);
}

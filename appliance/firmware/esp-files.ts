import { access, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LOADER_LIMIT_BYTES } from "../../core/contract/update-set.ts";
import { flush } from "../../core/node/atomic-file.ts";
import type { EspFiles } from "./renew-loader.ts";

/**
 * The ESP, mounted at `folder`. What vfat does not order by itself is ordered here: clusters are on the disk before a name leads to them,
 * and given free only after no name does. A name with its size and first cluster is 32 octets of one sector, as is the one beside it that goes.
 */
export function espFiles(folder: string): EspFiles {
  const pathOf = (place: string) => join(folder, place);
  return {
    async read(place) {
      try {
        if ((await stat(pathOf(place))).size > LOADER_LIMIT_BYTES) return undefined;
        return await readFile(pathOf(place));
      } catch {
        return undefined; // what can't be read is no boot loader to a firmware either
      }
    },
    async remove(place) {
      await rm(pathOf(place), { force: true });
      await flush(dirname(pathOf(place)));
    },
    async write(place, content) {
      const file = await open(pathOf(place), "wx", 0o600);
      try {
        await file.writeFile(content);
        await flush(dirname(pathOf(place))); // with any of its files vfat flushes all of the FAT
        await file.sync();
      } finally {
        await file.close();
      }
    },
    async move(from, to) {
      const held = await open(pathOf(to), "r").catch(() => undefined); // as long as it is open its clusters are not free
      try {
        await rename(pathOf(from), pathOf(to));
        await flush(pathOf(to));
        await flush(dirname(pathOf(to)));
      } finally {
        await held?.close();
      }
      await flush(dirname(pathOf(to)));
    },
    isFoundGood: (version) =>
      access(pathOf(`EFI/Linux/cepa_${version}.efi`)).then(
        () => true,
        () => false,
      ),
  };
}

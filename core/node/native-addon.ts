import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isSea } from "node:sea";

/** Where the appliance's verified root file system has them. */
const APPLIANCE_FOLDER = "/usr/lib/cepa/native";
/** Where set-up leaves our own ones, seen from here; packages find theirs by themselves when run from source. */
const SOURCE_FOLDER = "../../.cache/native";

/**
 * Loads a native addon: of a single executable from `native/` beside it, else from the appliance's folder; run from
 * source, from where set-up compiled it. Throws what `require` throws.
 */
export function loadNativeAddon(name: string): unknown {
  const path = pathOf(name);
  return createRequire(path)(path);
}

function pathOf(name: string): string {
  if (!isSea()) return join(import.meta.dirname, SOURCE_FOLDER, name);
  const beside = join(dirname(process.execPath), "native", name);
  return existsSync(beside) ? beside : join(APPLIANCE_FOLDER, name);
}

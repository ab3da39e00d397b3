import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, parseJson } from "../core/checked-json.ts";
import type { Log } from "../core/ports.ts";
import { type EntropyProfile, readEntropyProfile } from "./entropy/entropy-profile.ts";
import { withShipped } from "./entropy/shipped-profiles.ts";

/** One profile. Throws a ConfigError, or what the file system says. */
export function loadProfile(path: string): EntropyProfile {
  return readEntropyProfile(parseJson(readFileSync(path, "utf8"), path), path);
}

/** The shipped profiles, and those of the files `*.json` of a folder, which replace shipped ones; no folder: "". */
export function loadProfiles(folder: string): readonly EntropyProfile[] {
  if (folder === "") return withShipped([]);
  const names = namesIn(folder).filter((name) => name.endsWith(".json"));
  return withShipped(names.sort().map((name) => loadProfile(join(folder, name))));
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (!["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    throw new ConfigError("entropy.profilesFolder", "a folder with profiles", folder);
  }
}

/** The same; where the folder or a file of it is bad, that is logged, and the shipped ones hold. */
export function tryLoadProfiles(folder: string, log: Log): readonly EntropyProfile[] {
  try {
    return loadProfiles(folder);
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    if (name !== "ConfigError" && code === undefined) throw error;
    log("error", "entropy profiles refused", { folder, why: message });
    return loadProfiles("");
  }
}

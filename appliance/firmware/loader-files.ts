import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseJson, readInteger, readObject, readText } from "../../core/checked-json.ts";
import type { BootLoaderReport } from "../../core/contract/health.ts";
import { writeFileAtomically } from "../../core/node/atomic-file.ts";
import type { LoaderPorts, LoaderRecord } from "./renew-loader.ts";

/** Of the state partition: `VERSION_SHA256` for each boot loader that waits. Root's alone; nothing is there when nothing waits. */
const WANTED_FOLDER = "install/loader";
const RECORD_FILE = "install/boot-loader.json";
const RESULTS = ["everywhere", "tried", "passedOver", "waiting", "failed"] as const;

/** Keeps the boot loader of a version that is being installed, until it is found good; removes what waits of all others but `running`. */
export async function saveWanted(
  stateFolder: string,
  running: string,
  version: string,
  content: Uint8Array,
): Promise<void> {
  await mkdir(join(stateFolder, WANTED_FOLDER), { recursive: true, mode: 0o700 });
  await keepOnly(stateFolder, [running]);
  const sha256 = createHash("sha256").update(content).digest("hex");
  await writeFileAtomically(join(stateFolder, WANTED_FOLDER, `${version}_${sha256}`), content);
}

/** What is kept of boot loaders from start to start, on the state partition. */
export function loaderFiles(
  stateFolder: string,
): Pick<LoaderPorts, "loadWanted" | "keepWanted" | "loadRecord" | "saveRecord"> {
  return {
    async loadWanted(version) {
      const name = (await namesIn(stateFolder)).find((one) => isOf(one, version));
      if (name === undefined) return undefined;
      const content = await readFile(join(stateFolder, WANTED_FOLDER, name));
      return { content, sha256: name.slice(version.length + 1) };
    },
    keepWanted: (version) => keepOnly(stateFolder, version === undefined ? [] : [version]),
    async loadRecord() {
      try {
        return parseRecord(await readFile(join(stateFolder, RECORD_FILE), "utf8"));
      } catch {
        return undefined;
      }
    },
    saveRecord: (record) => writeFileAtomically(join(stateFolder, RECORD_FILE), JSON.stringify(record), 0o644),
  };
}

/** For base; null when no version brought one, or what is there can't be read. */
export async function loadLoaderReport(stateFolder: string): Promise<BootLoaderReport | null> {
  const record = await loaderFiles(stateFolder).loadRecord();
  if (record === undefined) return null;
  const { atMs, version, info, result, detail } = record;
  return { atMs, version, info, result, detail };
}

function parseRecord(text: string): LoaderRecord {
  const path = "record";
  const object = readObject(parseJson(text, path), path, ["atMs", "version", "info", "result", "detail", "tried"]);
  const read = (key: string, pattern: RegExp) => readText(object, key, path, String(pattern), pattern);
  const tried = object.tried === null ? null : readObject(object.tried, `${path}.tried`, ["identity", "bootId"]);
  return {
    atMs: readInteger(object, "atMs", path, 0, Number.MAX_SAFE_INTEGER),
    version: read("version", /^[A-Za-z0-9.~]{1,64}$/),
    info: read("info", /^[\x20-\x7e]{0,80}$/),
    result: read("result", new RegExp(`^(?:${RESULTS.join("|")})$`)) as LoaderRecord["result"],
    detail: readText(object, "detail", path, "text"),
    tried: tried && {
      identity: readText(tried, "identity", `${path}.tried`, "an identity", /^[0-9a-f ]{1,1000}$/),
      bootId: readText(tried, "bootId", `${path}.tried`, "a boot id", /^[0-9a-f-]{36}$/),
    },
  };
}

const isOf = (name: string, version: string) => name.startsWith(`${version}_`) && /_[0-9a-f]{64}$/.test(name);

const namesIn = (stateFolder: string) => readdir(join(stateFolder, WANTED_FOLDER)).catch((): string[] => []);

async function keepOnly(stateFolder: string, versions: readonly string[]): Promise<void> {
  for (const name of await namesIn(stateFolder))
    if (!versions.some((version) => isOf(name, version)))
      await rm(join(stateFolder, WANTED_FOLDER, name), { force: true });
}
